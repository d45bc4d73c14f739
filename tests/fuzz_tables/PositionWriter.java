import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.GenericAppenderFactory;
import org.apache.iceberg.deletes.BaseDVFileWriter;
import org.apache.iceberg.deletes.PositionDelete;
import org.apache.iceberg.deletes.PositionDeleteWriter;
import org.apache.iceberg.encryption.EncryptedOutputFile;
import org.apache.iceberg.io.OutputFileFactory;

/** Writes position deletes and deletion vectors as engines other than Spark do; compiled at run time like ForeignWriter. */
public class PositionWriter implements Function {
  private int files = 0;

  /** A vector's file had none before: this is asked for the deletes that there are. */
  public Object apply(Object path) {
    return null;
  }

  /** One delete file of these places, which must be in order. */
  public DeleteFile positions(
      Table table, PartitionSpec spec, StructLike partition, List paths, List places, String format) throws Exception {
    GenericAppenderFactory factory = new GenericAppenderFactory(table.schema(), spec);
    StructLike key = spec.isUnpartitioned() ? null : partition;
    OutputFileFactory out = this.output(table, format);
    EncryptedOutputFile file = key == null ? out.newOutputFile() : out.newOutputFile(spec, key);
    PositionDeleteWriter writer = factory.newPosDeleteWriter(file, FileFormat.fromString(format), key);
    for (int i = 0; i < paths.size(); i++) {
      PositionDelete delete = PositionDelete.create();
      delete.set((String) paths.get(i), ((Number) places.get(i)).longValue());
      writer.write(delete);
    }
    writer.close();
    return writer.toDeleteFile();
  }

  /** The deletion vector of one data file. */
  public List vector(Table table, PartitionSpec spec, StructLike partition, String path, List places) throws Exception {
    BaseDVFileWriter writer = new BaseDVFileWriter(this.output(table, "puffin"), this);
    for (int i = 0; i < places.size(); i++) {
      writer.delete(path, ((Number) places.get(i)).longValue(), spec, partition);
    }
    writer.close();
    return new ArrayList(writer.result().deleteFiles());
  }

  private OutputFileFactory output(Table table, String format) {
    this.files = this.files + 1;
    return OutputFileFactory.builderFor(table, this.files, 1L).format(FileFormat.fromString(format)).build();
  }
}
