import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/**
 * Starts Iceberg's own REST servlet over its JDBC catalog on the loopback address and a free port. Iceberg's
 * RESTCatalogServer does the same on every network interface and on a port that has to be chosen beforehand: an
 * unauthenticated server that writes files anywhere does not belong on a laptop's network.
 */
public final class LoopbackCatalog {
  private LoopbackCatalog() {}

  public static void main(String[] args) throws Exception {
    Map<String, String> properties = new HashMap<>();
    for (String arg : args) {
      int equals = arg.indexOf('=');
      properties.put(arg.substring(0, equals), arg.substring(equals + 1));
    }

    RESTCatalogAdapter adapter =
        new RESTCatalogAdapter(
            CatalogUtil.buildIcebergCatalog("backend", properties, new Configuration()));
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(new RESTCatalogServlet(adapter)), "/*");

    Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
    server.setHandler(context);
    server.start();
    System.out.println("LISTENING " + ((ServerConnector) server.getConnectors()[0]).getLocalPort());
    server.join();
  }
}
