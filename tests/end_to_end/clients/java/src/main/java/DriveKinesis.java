import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

/**
 * The AWS SDK for Java 2 drives every served action once; any surprise ends the program with exit code 1. It speaks CBOR
 * unless `aws.cborEnabled` is false.
 */
public final class DriveKinesis {
    private static final String STREAM = "numbers";

    private final KinesisClient kinesis;

    private DriveKinesis(KinesisClient kinesis) {
        this.kinesis = kinesis;
    }

    public static void main(String[] arguments) {
        try (KinesisClient kinesis = KinesisClient.create()) {
            DriveKinesis drive = new DriveKinesis(kinesis);
            equal(List.of("flights"), kinesis.listStreams().streamNames());
            drive.shards();
            drive.records();
            drive.refusals();
            kinesis.deleteStream(request -> request.streamName(STREAM));
        }
        System.out.println("Java: every action answered as expected");
    }

    private void shards() {
        kinesis.createStream(request -> request.streamName(STREAM).shardCount(2));
        kinesis.waiter().waitUntilStreamExists(
                request -> request.streamName(STREAM),
                settings -> settings.backoffStrategyV2(attempt -> Duration.ofSeconds(1)));
        var described = kinesis.describeStream(request -> request.streamName(STREAM)).streamDescription();
        equal(StreamStatus.ACTIVE, described.streamStatus());
        boolean isRecent = described.streamCreationTimestamp().isAfter(Instant.now().minusSeconds(3600));
        equal(true, isRecent);
        var summary = kinesis.describeStreamSummary(request -> request.streamName(STREAM));
        equal(2, summary.streamDescriptionSummary().openShardCount());
        equal(2, kinesis.listShards(request -> request.streamName(STREAM)).shards().size());
    }

    private void records() {
        var first = kinesis.putRecord(
                request -> request.streamName(STREAM).partitionKey("JFK").data(SdkBytes.fromUtf8String("late")));
        List<String> all = new ArrayList<>(List.of("late"));
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (int n = 0; n < 100; n++) {
            SdkBytes data = SdkBytes.fromUtf8String(Integer.toString(n));
            all.add(data.asUtf8String());
            entries.add(PutRecordsRequestEntry.builder().partitionKey("JFK").data(data).build());
        }
        var put = kinesis.putRecords(request -> request.streamName(STREAM).records(entries));
        equal(0, put.failedRecordCount());

        String shard = first.shardId();
        String number = first.sequenceNumber();
        Instant hourAgo = Instant.now().minusSeconds(3600);
        equal(all, from(shard, at -> at.shardIteratorType(ShardIteratorType.TRIM_HORIZON)));
        equal(all, from(shard, at -> at.shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(hourAgo)));
        equal(all, from(shard, at -> at.shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER)
                .startingSequenceNumber(number)));
        equal(all.subList(1, all.size()), from(shard, at -> at
                .shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(number)));
        equal(List.of(), from(shard, at -> at.shardIteratorType(ShardIteratorType.LATEST)));
    }

    private List<String> from(String shard, Consumer<GetShardIteratorRequest.Builder> position) {
        var start = kinesis.getShardIterator(request -> {
            request.streamName(STREAM).shardId(shard);
            position.accept(request);
        });
        var page = kinesis.getRecords(request -> request.shardIterator(start.shardIterator()));
        return page.records().stream().map(Record::data).map(SdkBytes::asUtf8String).toList();
    }

    private void refusals() {
        try {
            kinesis.describeStream(request -> request.streamName("nowhere"));
            throw new AssertionError("ResourceNotFoundException expected");
        } catch (ResourceNotFoundException error) {
            String expected = "Stream nowhere under account 000000000000 not found.";
            equal(expected, error.awsErrorDetails().errorMessage());
        }
        try {
            kinesis.createStream(request -> request.streamName(STREAM).shardCount(1));
            throw new AssertionError("ResourceInUseException expected");
        } catch (ResourceInUseException error) {
            equal(400, error.statusCode());
        }
    }

    private static void equal(Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected " + expected + ", found " + actual);
        }
    }
}
