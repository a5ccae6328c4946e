// The AWS SDK for Go 2 drives every way of putting and reading once, fan-out included; any surprise ends the program with exit code 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

var stream = aws.String("numbers")

func main() {
	log.SetFlags(log.Lshortfile)
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	must(err)
	client := kinesis.NewFromConfig(settings)

	streams, err := client.ListStreams(ctx, &kinesis.ListStreamsInput{})
	must(err)
	check(slices.Equal(streams.StreamNames, []string{"flights"}), streams.StreamNames)
	shards(ctx, client)
	records(ctx, client)
	refusals(ctx, client)
	_, err = client.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: stream, EnforceConsumerDeletion: aws.Bool(true)})
	must(err)
	fmt.Println("Go: every action answered as expected")
}

func shards(ctx context.Context, client *kinesis.Client) {
	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(2)})
	must(err)
	waiter := kinesis.NewStreamExistsWaiter(client, func(options *kinesis.StreamExistsWaiterOptions) {
		options.MinDelay = time.Second
	})
	must(waiter.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: stream}, 20*time.Second))
	described, err := client.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: stream})
	must(err)
	check(described.StreamDescription.StreamStatus == types.StreamStatusActive, described.StreamDescription)
	summary, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
	must(err)
	check(*summary.StreamDescriptionSummary.OpenShardCount == 2, summary.StreamDescriptionSummary)
	listed, err := client.ListShards(ctx, &kinesis.ListShardsInput{StreamName: stream})
	must(err)
	check(len(listed.Shards) == 2, listed.Shards)
}

func records(ctx context.Context, client *kinesis.Client) {
	key := aws.String("JFK")
	first, err := client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, PartitionKey: key, Data: []byte("late")})
	must(err)
	all := []string{"late"}
	var entries []types.PutRecordsRequestEntry
	for n := range 100 {
		all = append(all, fmt.Sprint(n))
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: key, Data: []byte(fmt.Sprint(n))})
	}
	put, err := client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: stream, Records: entries})
	must(err)
	check(*put.FailedRecordCount == 0, put)

	for _, from := range []struct {
		kind     types.ShardIteratorType
		number   *string
		at       *time.Time
		expected []string
	}{
		{types.ShardIteratorTypeTrimHorizon, nil, nil, all},
		{types.ShardIteratorTypeAtTimestamp, nil, aws.Time(time.Now().Add(-time.Hour)), all},
		{types.ShardIteratorTypeAtSequenceNumber, first.SequenceNumber, nil, all},
		{types.ShardIteratorTypeAfterSequenceNumber, first.SequenceNumber, nil, all[1:]},
		{types.ShardIteratorTypeLatest, nil, nil, nil},
	} {
		start, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName:             stream,
			ShardId:                first.ShardId,
			ShardIteratorType:      from.kind,
			StartingSequenceNumber: from.number,
			Timestamp:              from.at,
		})
		must(err)
		page, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: start.ShardIterator})
		must(err)
		var found []string
		for _, record := range page.Records {
			found = append(found, string(record.Data))
		}
		check(slices.Equal(found, from.expected), from.kind, found)
	}
	fanOut(ctx, client, first.ShardId, all)
}

func fanOut(ctx context.Context, client *kinesis.Client, shard *string, expected []string) {
	summary, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
	must(err)
	made, err := client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN:    summary.StreamDescriptionSummary.StreamARN,
		ConsumerName: aws.String("board"),
	})
	must(err)
	arn := made.Consumer.ConsumerARN
	for attempt := 0; ; attempt++ {
		described, err := client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: arn})
		must(err)
		if described.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive {
			break
		}
		check(attempt < 200, "the consumer did not become ACTIVE")
		time.Sleep(100 * time.Millisecond)
	}
	subscribed, err := client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN:      arn,
		ShardId:          shard,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	must(err)
	events := subscribed.GetStream()
	defer events.Close()
	var told []string
	for len(told) < len(expected) {
		event, open := <-events.Events()
		check(open, "the subscription ended", events.Err())
		page, known := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		check(known, event)
		for _, record := range page.Value.Records {
			told = append(told, string(record.Data))
		}
	}
	check(slices.Equal(told, expected), told)
}

func refusals(ctx context.Context, client *kinesis.Client) {
	_, err := client.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("nowhere")})
	var missing *types.ResourceNotFoundException
	check(errors.As(err, &missing), err)
	check(missing.ErrorMessage() == "Stream nowhere under account 000000000000 not found.", missing)
	_, err = client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(1)})
	var exists *types.ResourceInUseException
	check(errors.As(err, &exists), err)
}

func must(err error) {
	if err != nil {
		log.Output(2, err.Error())
		log.Fatal("an action failed")
	}
}

func check(holds bool, facts ...any) {
	if !holds {
		log.Output(2, fmt.Sprint(facts...))
		log.Fatal("not as expected")
	}
}
