# What a team keeps in Terraform for a function on a stream. The provider finds the server by AWS_ENDPOINT_URL.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variable "package" {
  type = string
}

variable "batch" {
  type    = number
  default = 50
}

variable "share" {
  description = "Of the invocations that go to version 2; 0 before there is one."
  type        = number
  default     = 0
}

resource "aws_kinesis_stream" "orders" {
  name                      = "orders"
  shard_count               = 2
  shard_level_metrics       = ["IncomingBytes", "OutgoingBytes"]
  enforce_consumer_deletion = true
  tags                      = { team = "orders" }
}

resource "aws_kinesis_stream" "on_demand" {
  name            = "on-demand"
  encryption_type = "KMS"
  kms_key_id      = "alias/aws/kinesis"
  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

resource "aws_kinesis_stream_consumer" "fan" {
  name       = "fan"
  stream_arn = aws_kinesis_stream.orders.arn
}

resource "aws_kinesis_resource_policy" "readers" {
  resource_arn = aws_kinesis_stream.orders.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "readers"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = ["kinesis:GetRecords"]
      Resource  = aws_kinesis_stream.orders.arn
    }]
  })
}

resource "aws_lambda_function" "bill" {
  function_name                  = "bill"
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  role                           = "arn:aws:iam::000000000000:role/bill"
  handler                        = "index.handler"
  runtime                        = "nodejs22.x"
  memory_size                    = 256
  timeout                        = 10
  publish                        = true
  reserved_concurrent_executions = 5
  tags                           = { team = "orders" }
  environment {
    variables = { STAGE = "test" }
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.bill.function_name
  function_version = "1"
  dynamic "routing_config" {
    for_each = var.share > 0 ? [var.share] : []
    content {
      additional_version_weights = { "2" = routing_config.value }
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "bill" {
  function_name                = aws_lambda_function.bill.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 60
}

resource "aws_lambda_permission" "rules" {
  statement_id  = "rules"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.bill.function_name
  principal     = "events.amazonaws.com"
  source_arn    = "arn:aws:events:us-east-1:000000000000:rule/nightly"
}

resource "aws_lambda_function_url" "bill" {
  function_name      = aws_lambda_function.bill.function_name
  authorization_type = "NONE"
  cors {
    allow_origins = ["*"]
    max_age       = 60
  }
}

resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn                   = aws_kinesis_stream.orders.arn
  function_name                      = aws_lambda_alias.live.arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = var.batch
  maximum_batching_window_in_seconds = 1
  bisect_batch_on_function_error     = true
  maximum_retry_attempts             = 2
  parallelization_factor             = 2
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = { team = "orders" }
  filter_criteria {
    filter {
      pattern = jsonencode({ data = { kind = ["order"] } })
    }
  }
  destination_config {
    on_failure {
      destination_arn = "arn:aws:sqs:us-east-1:000000000000:lost"
    }
  }
}
