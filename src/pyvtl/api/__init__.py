"""The AWS Storage Gateway API: signed JSON 1.1, so that `aws` and boto3 work unchanged."""
