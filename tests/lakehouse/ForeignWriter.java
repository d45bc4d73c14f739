import java.io.Closeable;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.PartitionKey;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.Table;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.data.GenericAppenderFactory;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.deletes.EqualityDeleteWriter;
import org.apache.iceberg.encryption.EncryptedOutputFile;
import org.apache.iceberg.io.DataWriter;
import org.apache.iceberg.io.OutputFileFactory;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;

/**
 * Writes data files and equality deletes as Flink does, from rows in JSON.
 *
 * Spark writes no equality deletes and not every type, and rows cannot cross py4j one by one without losing the difference
 * between int and long. It is compiled at run time by the Janino that Spark ships, so no JDK is needed; that compiler knows
 * neither lambdas nor the inference of type arguments, hence the casts.
 */
public class ForeignWriter {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private int files = 0;

  public List records(Schema schema, String json) throws Exception {
    List rows = new ArrayList();
    JsonNode array = MAPPER.readTree(json);
    for (int i = 0; i < array.size(); i++) {
      rows.add(this.value(schema.asStruct(), (JsonNode) array.get(i)));
    }
    return rows;
  }

  /** Data files of the rows, one for each partition that they fall into. */
  public List dataFiles(Table table, PartitionSpec spec, List rows, String format, Map properties) throws Exception {
    Schema schema = table.schema();
    Map groups = new LinkedHashMap();
    InternalRecordWrapper wrapper = new InternalRecordWrapper(schema.asStruct());
    for (int i = 0; i < rows.size(); i++) {
      PartitionKey key = new PartitionKey(spec, schema);
      key.partition(wrapper.wrap((StructLike) rows.get(i)));
      List group = (List) groups.get(key);
      if (group == null) {
        group = new ArrayList();
        groups.put(key, group);
      }
      group.add(rows.get(i));
    }
    GenericAppenderFactory factory = new GenericAppenderFactory(schema, spec);
    factory.setAll(properties);
    List result = new ArrayList();
    Iterator keys = groups.keySet().iterator();
    while (keys.hasNext()) {
      PartitionKey key = (PartitionKey) keys.next();
      StructLike partition = spec.isUnpartitioned() ? null : (StructLike) key;
      EncryptedOutputFile out = this.newFile(table, spec, partition, format);
      DataWriter writer = factory.newDataWriter(out, FileFormat.fromString(format), partition);
      List group = (List) groups.get(key);
      for (int i = 0; i < group.size(); i++) {
        writer.write(group.get(i));
      }
      writer.close();
      result.add(writer.toDataFile());
    }
    return result;
  }

  /** An equality delete file of the keys; `sample` is a row of the table's schema that names the partition. */
  public DeleteFile equalityDelete(
      Table table, PartitionSpec spec, Schema keySchema, List names, List keys, Record sample, String format)
      throws Exception {
    int[] ids = new int[names.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = keySchema.findField((String) names.get(i)).fieldId();
    }
    StructLike partition = null;
    if (!spec.isUnpartitioned()) {
      PartitionKey key = new PartitionKey(spec, table.schema());
      key.partition(new InternalRecordWrapper(table.schema().asStruct()).wrap((StructLike) sample));
      partition = (StructLike) key;
    }
    GenericAppenderFactory factory = new GenericAppenderFactory(table.schema(), spec, ids, keySchema);
    EncryptedOutputFile out = this.newFile(table, spec, partition, format);
    EqualityDeleteWriter writer = factory.newEqDeleteWriter(out, FileFormat.fromString(format), partition);
    for (int i = 0; i < keys.size(); i++) {
      writer.write(keys.get(i));
    }
    ((Closeable) writer).close();
    return writer.toDeleteFile();
  }

  /** A snapshot for each row, committed at once so that metadata is written only once. */
  public void manySnapshots(Table table, List rows) throws Exception {
    Transaction transaction = table.newTransaction();
    for (int i = 0; i < rows.size(); i++) {
      List one = new ArrayList();
      one.add(rows.get(i));
      List written = this.dataFiles(table, table.spec(), one, "parquet", table.properties());
      AppendFiles append = transaction.newAppend();
      append.appendFile((DataFile) written.get(0));
      append.commit();
    }
    transaction.commitTransaction();
  }

  private EncryptedOutputFile newFile(Table table, PartitionSpec spec, StructLike partition, String format) {
    this.files = this.files + 1;
    OutputFileFactory factory =
        OutputFileFactory.builderFor(table, this.files, 0L).format(FileFormat.fromString(format)).build();
    return partition == null ? factory.newOutputFile() : factory.newOutputFile(spec, partition);
  }

  private Object value(Type type, JsonNode node) {
    if (node == null || node.isNull()) {
      return null;
    }
    String kind = type.typeId().name();
    if (kind.equals("BOOLEAN")) {
      return Boolean.valueOf(node.booleanValue());
    } else if (kind.equals("INTEGER")) {
      return Integer.valueOf(node.intValue());
    } else if (kind.equals("LONG")) {
      return Long.valueOf(node.longValue());
    } else if (kind.equals("FLOAT")) {
      return Float.valueOf(node.isTextual() ? Float.parseFloat(node.textValue()) : (float) node.doubleValue());
    } else if (kind.equals("DOUBLE")) {
      return Double.valueOf(node.isTextual() ? Double.parseDouble(node.textValue()) : node.doubleValue());
    } else if (kind.equals("DECIMAL")) {
      return new BigDecimal(node.textValue());
    } else if (kind.equals("DATE")) {
      return LocalDate.parse(node.textValue());
    } else if (kind.equals("TIME")) {
      return LocalTime.parse(node.textValue());
    } else if (kind.equals("TIMESTAMP")) {
      return this.moment(((Types.TimestampType) type).shouldAdjustToUTC(), node.textValue());
    } else if (kind.equals("TIMESTAMP_NANO")) {
      return this.moment(((Types.TimestampNanoType) type).shouldAdjustToUTC(), node.textValue());
    } else if (kind.equals("STRING")) {
      return node.textValue();
    } else if (kind.equals("UUID")) {
      return UUID.fromString(node.textValue());
    } else if (kind.equals("FIXED")) {
      return this.bytes(node.textValue());
    } else if (kind.equals("BINARY")) {
      return ByteBuffer.wrap(this.bytes(node.textValue()));
    }
    return this.nested(kind, type, node);
  }

  private Object nested(String kind, Type type, JsonNode node) {
    if (kind.equals("STRUCT")) {
      GenericRecord record = GenericRecord.create(type.asStructType());
      List fields = type.asStructType().fields();
      for (int i = 0; i < fields.size(); i++) {
        Types.NestedField field = (Types.NestedField) fields.get(i);
        record.set(i, this.value(field.type(), (JsonNode) node.get(field.name())));
      }
      return record;
    } else if (kind.equals("LIST")) {
      List list = new ArrayList();
      for (int i = 0; i < node.size(); i++) {
        list.add(this.value(type.asListType().elementType(), (JsonNode) node.get(i)));
      }
      return list;
    } else if (kind.equals("MAP")) {
      Map map = new LinkedHashMap();
      JsonNode keys = (JsonNode) node.get("keys");
      for (int i = 0; i < keys.size(); i++) {
        Object key = this.value(type.asMapType().keyType(), (JsonNode) keys.get(i));
        JsonNode values = (JsonNode) node.get("values");
        map.put(key, this.value(type.asMapType().valueType(), (JsonNode) values.get(i)));
      }
      return map;
    }
    throw new UnsupportedOperationException("No value of type " + type + " in JSON");
  }

  private Object moment(boolean zoned, String text) {
    return zoned ? (Object) OffsetDateTime.parse(text) : (Object) LocalDateTime.parse(text);
  }

  private byte[] bytes(String hex) {
    byte[] data = new byte[hex.length() / 2];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
    }
    return data;
  }
}
