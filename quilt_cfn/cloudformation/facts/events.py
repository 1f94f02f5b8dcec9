"""Events of AWS services and targets of EventBridge rules, as AWS documents them.

The detail types are from the pages ``events-ref-SERVICE.html`` of
https://docs.aws.amazon.com/eventbridge/latest/ref/events.html. Not all that there are: a source or a detail type that
is not in this list may exist all the same, and one that almost is in it is misspelt.
"""

from __future__ import annotations

from typing import NamedTuple

DETAIL_TYPES: dict[str, tuple[str, ...]] = {
    "aws.acm": (
        "ACM Certificate Approaching Expiration",
        "ACM Certificate Available",
        "ACM Certificate Expired",
        "ACM Certificate Renewal Action Required",
        "ACM Certificate Revoked",
    ),
    "aws.autoscaling": (
        "EC2 Auto Scaling Instance Refresh Cancelled",
        "EC2 Auto Scaling Instance Refresh Checkpoint Reached",
        "EC2 Auto Scaling Instance Refresh Failed",
        "EC2 Auto Scaling Instance Refresh Rollback Failed",
        "EC2 Auto Scaling Instance Refresh Rollback Started",
        "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
        "EC2 Auto Scaling Instance Refresh Started",
        "EC2 Auto Scaling Instance Refresh Started Baking",
        "EC2 Auto Scaling Instance Refresh Succeeded",
        "EC2 Instance Detach Successful",
        "EC2 Instance Detach Unsuccessful",
        "EC2 Instance Launch Successful",
        "EC2 Instance Launch Unsuccessful",
        "EC2 Instance Terminate Successful",
        "EC2 Instance Terminate Unsuccessful",
        "EC2 Instance-launch Lifecycle Action",
        "EC2 Instance-terminate Lifecycle Action",
    ),
    "aws.batch": ("Batch Job State Change", "Batch Job Queue Blocked"),
    "aws.cloudformation": (
        "CloudFormation Drift Detection Status Change",
        "CloudFormation Hook Invocation Progress",
        "CloudFormation Resource Status Change",
        "CloudFormation Stack State Change",
        "CloudFormation Stack Status Change",
        "CloudFormation StackSet Operation Status Change",
        "CloudFormation StackSet StackInstance Status Change",
        "CloudFormation StackSet Status Change",
    ),
    "aws.cloudwatch": ("CloudWatch Alarm Configuration Change", "CloudWatch Alarm State Change"),
    "aws.codebuild": (
        "CodeBuild Build Phase Change",
        "CodeBuild Build State Change",
        "CodeBuild Fleet State Change",
    ),
    "aws.codecommit": ("CodeCommit Pull Request State Change", "CodeCommit Repository State Change"),
    "aws.codedeploy": (
        "CodeDeploy Deployment State-change Notification",
        "CodeDeploy Instance State-change Notification",
    ),
    "aws.codepipeline": (
        "CodePipeline Action Execution State Change",
        "CodePipeline Pipeline Execution State Change",
        "CodePipeline Stage Execution State Change",
    ),
    "aws.config": (
        "Config Configuration Item Change",
        "Config Rules Compliance Change",
        "Config Rules Re-evaluation Status",
    ),
    "aws.ec2": (
        "EBS Fast Snapshot Restore State-change Notification",
        "EBS Multi-Volume Snapshots Completion Status",
        "EBS Snapshot Notification",
        "EBS Volume Notification",
        "EC2 AMI State Change",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "EC2 Spot Instance Interruption Warning",
        "EC2 Spot Instance Request Fulfillment",
    ),
    "aws.ecr": ("ECR Image Action", "ECR Image Scan", "ECR Replication Action"),
    "aws.ecs": (
        "ECS Container Instance State Change",
        "ECS Deployment State Change",
        "ECS Service Action",
        "ECS Task State Change",
    ),
    "aws.events": ("Scheduled Event",),
    "aws.glue": ("Glue Crawler State Change", "Glue Job State Change"),
    "aws.guardduty": ("GuardDuty Finding",),
    "aws.health": ("AWS Health Abuse Event", "AWS Health Event"),
    "aws.inspector2": ("Inspector2 Coverage", "Inspector2 Finding", "Inspector2 Scan"),
    "aws.macie": ("Macie Finding",),
    "aws.rds": (
        "RDS Blue Green Deployment Event",
        "RDS Custom Engine Version Event",
        "RDS DB Cluster Event",
        "RDS DB Cluster Snapshot Event",
        "RDS DB Instance Event",
        "RDS DB Parameter Group Event",
        "RDS DB Proxy Event",
        "RDS DB Security Group Event",
        "RDS DB Shard Group Event",
        "RDS DB Snapshot Event",
        "RDS Zero ETL Event",
    ),
    "aws.s3": (
        "Object ACL Updated",
        "Object Access Tier Changed",
        "Object Created",
        "Object Deleted",
        "Object Restore Completed",
        "Object Restore Expired",
        "Object Restore Initiated",
        "Object Storage Class Changed",
        "Object Tags Added",
        "Object Tags Deleted",
    ),
    "aws.securityhub": (
        "Security Hub Findings - Custom Action",
        "Security Hub Findings - Imported",
        "Security Hub Insight Results",
    ),
    "aws.signin": ("AWS Console Sign In via CloudTrail",),
    "aws.states": ("Step Functions Execution Status Change",),
    "aws.tag": ("Tag Change on Resource",),
    "aws.trustedadvisor": ("Trusted Advisor Check Item Refresh Notification",),
}
"""Source -> detail types of the events that this service sends by itself."""

SOURCE_OF = {detail_type: source for source, detail_types in DETAIL_TYPES.items() for detail_type in detail_types}

API_CALL = "AWS API Call via CloudTrail"
"""The detail type of an API call, which has the source of the service that was called:
https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html"""

TOP_LEVEL = (
    "account",
    "detail",
    "detail-type",
    "id",
    "region",
    "replay-name",
    "resources",
    "source",
    "time",
    "version",
)
"""The fields that every event has at its top level; see the same page."""

ARN, INSTANCE_ID, NAME = "an ARN", "the ID of an instance", "a name"
"""What a field holds that is no text of a fixed set."""

_Holds = str | tuple[str, ...]

_STACK_STATUSES = (
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "CREATE_IN_PROGRESS",
    "DELETE_COMPLETE",
    "DELETE_FAILED",
    "DELETE_IN_PROGRESS",
    "IMPORT_COMPLETE",
    "IMPORT_IN_PROGRESS",
    "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "ROLLBACK_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
)
_LIFECYCLE_ACTION: dict[str, _Holds] = {
    "AutoScalingGroupName": NAME,
    "Destination": (),
    "EC2InstanceId": INSTANCE_ID,
    "LifecycleActionToken": (),
    "LifecycleHookName": NAME,
    "LifecycleTransition": ("autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"),
    "NotificationMetadata": (),
    "Origin": (),
}
_OBJECT: dict[str, _Holds] = {
    "bucket.name": NAME,
    "deletion-type": ("Delete Marker Created", "Permanently Deleted"),
    "object.etag": (),
    "object.key": (),
    "object.sequencer": (),
    "object.size": (),
    "object.version-id": (),
    "reason": (
        "CompleteMultipartUpload",
        "CopyObject",
        "DeleteObject",
        "Lifecycle Expiration",
        "POST Object",
        "PutObject",
    ),
    "request-id": (),
    "requester": (),
    "source-ip-address": (),
}
_RDS: dict[str, _Holds] = {
    "Date": (),
    "EventCategories": (),
    "EventID": (),
    "Message": (),
    "SourceArn": ARN,
    "SourceIdentifier": NAME,
    "SourceType": (),
}
DETAILS: dict[str, dict[str, _Holds]] = {
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
    "CloudFormation Stack Status Change": {
        "client-request-token": (),
        "stack-id": ARN,
        "status-details.status": _STACK_STATUSES,
        "status-details.status-reason": (),
    },
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
    "CloudFormation Resource Status Change": {
        "client-request-token": (),
        "logical-resource-id": NAME,
        "physical-resource-id": (),
        "resource-type": (),
        "stack-id": ARN,
        "status-details.status": (),
        "status-details.status-reason": (),
    },
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
    "EC2 Instance State-change Notification": {
        "instance-id": INSTANCE_ID,
        "state": ("pending", "running", "shutting-down", "stopped", "stopping", "terminated"),
    },
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
    "EC2 Instance-launch Lifecycle Action": _LIFECYCLE_ACTION,
    "EC2 Instance-terminate Lifecycle Action": _LIFECYCLE_ACTION,
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.sample.html
    "RDS DB Cluster Event": _RDS,
    "RDS DB Instance Event": _RDS,
    "RDS DB Snapshot Event": _RDS,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    "Object Created": _OBJECT,
    "Object Deleted": _OBJECT,
}
"""Detail type -> field of ``detail`` -> its values, or what it holds; empty where it may be any text."""


class TargetType(NamedTuple):
    """A type of resource that a rule can start."""

    arns: tuple[str, ...]
    """What is the ARN to give EventBridge: attributes, or empty text for Ref. None of them if this is empty."""
    role: bool = False
    """Whether PutTargets refuses the target without a RoleArn."""
    needs: str = ""
    """The property of a target without which PutTargets refuses it."""


TARGETS = {
    "AWS::AppSync::GraphQLApi": TargetType(("GraphQLEndpointArn",), role=True),
    "AWS::Batch::JobQueue": TargetType(("", "JobQueueArn"), role=True, needs="BatchParameters"),
    "AWS::CodeBuild::Project": TargetType(("Arn",), role=True),
    "AWS::CodePipeline::Pipeline": TargetType((), role=True),
    "AWS::ECS::Cluster": TargetType(("Arn",), role=True, needs="EcsParameters"),
    "AWS::Events::ApiDestination": TargetType(("Arn",), role=True),
    "AWS::Events::EventBus": TargetType(("Arn",)),
    "AWS::Glue::Workflow": TargetType((), role=True),
    "AWS::Inspector::AssessmentTemplate": TargetType(("", "Arn"), role=True),
    "AWS::Kinesis::Stream": TargetType(("Arn",), role=True),
    "AWS::KinesisFirehose::DeliveryStream": TargetType(("Arn",), role=True),
    "AWS::Lambda::Alias": TargetType(("", "AliasArn")),
    "AWS::Lambda::Function": TargetType(("Arn",)),
    "AWS::Lambda::Version": TargetType(("", "FunctionArn")),
    "AWS::Logs::LogGroup": TargetType(("Arn",)),
    "AWS::SNS::Topic": TargetType(("", "TopicArn")),
    "AWS::SQS::Queue": TargetType(("Arn",)),
    "AWS::StepFunctions::StateMachine": TargetType(("", "Arn"), role=True),
    "AWS::StepFunctions::StateMachineAlias": TargetType(("", "Arn"), role=True),
    "AWS::StepFunctions::StateMachineVersion": TargetType(("", "Arn"), role=True),
}
"""Types of targets: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html. What Ref and attributes
give is in the template reference of each type. "RoleArn is required for target" is what PutTargets answers:
https://github.com/awsdocs/aws-cloudformation-user-guide/pull/1178, and the rule's own RoleArn does not help:
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1110."""

SERVICES_WITH_ROLE = ("batch", "codebuild", "codepipeline", "ecs", "firehose", "glue", "kinesis", "states")
"""The same for targets of which only the ARN is known: the service in it."""

SERVICES_WITHOUT_TARGETS = ("dynamodb", "ec2", "iam", "kms", "rds", "s3", "secretsmanager")
"""The services of whose resources none is a target."""

NO_TARGETS = (
    "AWS::AutoScaling::",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobDefinition",
    "AWS::CloudWatch::",
    "AWS::DynamoDB::",
    "AWS::EC2::",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancing",
    "AWS::Events::Connection",
    "AWS::Events::Rule",
    "AWS::IAM::",
    "AWS::KMS::",
    "AWS::Lambda::Permission",
    "AWS::RDS::",
    "AWS::S3::",
    "AWS::SecretsManager::",
)
"""How the types begin of which AWS documents no target."""
