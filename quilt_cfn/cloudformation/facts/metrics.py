"""CloudWatch metrics of AWS's services: their names, dimensions and units, and which of their values are bad.

The names are those of AWS's console (CloudWatchConsoleServiceDirectory in cdklabs/awscdk-service-spec at b85c701) and
of Grafana (pkg/cloudWatchConsts in grafana/grafana-aws-sdk at 00ac1b8), dimensions and units those of the services' own
pages; looked up in November 2026. No package on PyPI that we found has such a list. Units are here only where a page
names one of CloudWatch's. AWS adds metrics without notice, so a name that is not here may exist all the same:
``misspelt`` is careful.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

UNITS = frozenset(
    each + per
    for per in ("", "/Second")
    for each in (
        *("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes"),
        *("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Count"),
    )
) | {"Seconds", "Microseconds", "Milliseconds", "Percent", "None"}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"""

LONGEST_EVALUATION = 86_400
LONGEST_EVALUATION_BY_HOURS = 604_800
"""Seconds that Period times EvaluationPeriods may have, with periods below an hour and with longer ones:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""


class Source(NamedTuple):
    """What gives the value of a dimension: a reference to a resource of one of these types."""

    types: tuple[str, ...]
    attributes: tuple[str, ...] = ("",)
    """What Fn::GetAtt asks for; empty for Ref."""


class Namespace(NamedTuple):
    """The metrics of one service."""

    units: Mapping[str, str]
    """Name of a metric -> its unit; empty if its page names none of CloudWatch's."""
    dimensions: Mapping[str, Source | None]
    """Name of a dimension -> what gives its value; None for anything else than a resource."""
    required: tuple[str, ...] = ()
    """Dimensions that each of its metrics has."""

    def required_of(self, metric: str) -> tuple[str, ...]:
        """The dimensions that all data of a metric have."""
        both = {"LoadBalancer", "TargetGroup"} <= self.dimensions.keys() and metric in _OF_TARGETS
        return ("LoadBalancer", "TargetGroup") if both else self.required


def _units(**names: str) -> dict[str, str]:
    """Name -> unit, from the names of each unit; ``no_unit`` stands for none, ``_per_second`` for ``/Second``."""
    spelt = {key: "" if key == "no_unit" else key.replace("_per_second", "/Second") for key in names}
    return {name: spelt[key] for key, text in names.items() for name in text.split()}


_OF_TARGETS = ("HealthyHostCount", "UnHealthyHostCount")
_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"
_GROUP = Source(("AWS::AutoScaling::AutoScalingGroup",))
_ELB_V2: Mapping[str, Source | None] = {
    "LoadBalancer": Source((_BALANCER,), ("LoadBalancerFullName",)),
    "TargetGroup": Source((_TARGETS,), ("TargetGroupFullName",)),
    "AvailabilityZone": None,
}

NAMESPACES: Mapping[str, Namespace] = {
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html; credits have a unit of
    # their own. That groups have all of them: appinsights-metrics-as.html in CloudWatch's guide.
    "AWS/EC2": Namespace(
        _units(
            Percent="CPUUtilization DedicatedHostCPUUtilization EBSByteBalance% EBSIOBalance%",
            Bytes="DiskReadBytes DiskWriteBytes EBSReadBytes EBSWriteBytes NetworkIn NetworkOut",
            Count="DiskReadOps DiskWriteOps EBSReadOps EBSWriteOps MetadataNoToken MetadataNoTokenRejected "
            "NetworkPacketsIn NetworkPacketsOut StatusCheckFailed StatusCheckFailed_AttachedEBS "
            "StatusCheckFailed_Instance StatusCheckFailed_System",
            no_unit="CPUCreditBalance CPUCreditUsage CPUSurplusCreditBalance CPUSurplusCreditsCharged",
        ),
        {
            "InstanceId": Source(("AWS::EC2::Instance",), ("", "InstanceId")),
            "AutoScalingGroupName": _GROUP,
            "ImageId": None,
            "InstanceType": None,
        },
    ),
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
    "AWS/AutoScaling": Namespace(
        _units(
            no_unit="GroupAndWarmPoolDesiredCapacity GroupAndWarmPoolTotalCapacity GroupDesiredCapacity "
            "GroupInServiceCapacity GroupInServiceInstances GroupMaxSize GroupMinSize GroupPendingCapacity "
            "GroupPendingInstances GroupStandbyCapacity GroupStandbyInstances GroupTerminatingCapacity "
            "GroupTerminatingInstances GroupTotalCapacity GroupTotalInstances PredictiveScalingCapacityForecast "
            "PredictiveScalingLoadForecast PredictiveScalingMetricPairCorrelation WarmPoolDesiredCapacity "
            "WarmPoolMinSize WarmPoolPendingCapacity WarmPoolTerminatingCapacity WarmPoolTotalCapacity "
            "WarmPoolWarmedCapacity",
        ),
        {"AutoScalingGroupName": _GROUP, "PairIndex": None, "PolicyName": None},
        ("AutoScalingGroupName",),
    ),
    # https://docs.aws.amazon.com/ebs/latest/userguide/using_cloudwatch_ebs.html
    "AWS/EBS": Namespace(
        _units(
            Bytes="VolumeReadBytes VolumeWriteBytes",
            Count="VolumeQueueLength VolumeReadOps VolumeWriteOps VolumeConsumedReadWriteOps",
            Seconds="VolumeIdleTime VolumeTotalReadTime VolumeTotalWriteTime",
            Percent="BurstBalance VolumeThroughputPercentage",
            no_unit="FastSnapshotRestoreCreditsBalance FastSnapshotRestoreCreditsBucketSize VolumeAvgReadLatency "
            "VolumeAvgWriteLatency VolumeIOPSExceededCheck VolumeStalledIOCheck VolumeThroughputExceededCheck "
            "VolumeAvgIOPS VolumeAvgThroughput SnapshotCopyBytesTransferred",
        ),
        {
            "VolumeId": Source(("AWS::EC2::Volume",), ("", "VolumeId")),
            **dict.fromkeys(("InstanceId", "InstanceID", "SnapshotId", "AvailabilityZone", "DLMPolicyId")),
        },
    ),
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    "AWS/RDS": Namespace(
        _units(
            Percent="CPUUtilization BurstBalance EBSByteBalance% EBSIOBalance%",
            Count="ConnectionAttempts DatabaseConnections DiskQueueDepth DiskQueueDepthLogVolume "
            "MaximumUsedTransactionIDs",
            Bytes="FreeStorageSpace FreeStorageSpaceLogVolume FreeableMemory FreeLocalStorage SwapUsage "
            "BinLogDiskUsage OldestReplicationSlotLag ReplicationSlotDiskUsage TransactionLogsDiskUsage",
            Seconds="CheckpointLag ReadLatency ReadLatencyLogVolume WriteLatency WriteLatencyLogVolume ReplicaLag",
            Count_per_second="ReadIOPS ReadIOPSLogVolume WriteIOPS WriteIOPSLogVolume",
            Bytes_per_second="NetworkReceiveThroughput NetworkTransmitThroughput ReadThroughput "
            "ReadThroughputLogVolume TransactionLogsGeneration WriteThroughput WriteThroughputLogVolume",
            no_unit="ACUUtilization AbortedClients ActiveTransactions AuroraBinlogReplicaLag "
            "AuroraDMLRejectedMasterFull AuroraDMLRejectedWriterFull AuroraEstimatedSharedMemoryBytes "
            "AuroraGlobalDBDataTransferBytes AuroraGlobalDBProgressLag AuroraGlobalDBRPOLag "
            "AuroraGlobalDBReplicatedWriteIO AuroraGlobalDBReplicationLag AuroraMemoryHealthState "
            "AuroraMemoryNumDeclinedSqlTotal AuroraMemoryNumKillConnTotal AuroraMemoryNumKillQueryTotal "
            "AuroraOptimizedReadsCacheHitRatio AuroraReplicaLag AuroraReplicaLagMaximum AuroraReplicaLagMinimum "
            "AuroraSlowConnectionHandleCount AuroraSlowHandshakeCount AuroraVolumeBytesLeftTotal "
            "AvailabilityPercentage BacktrackChangeRecordsCreationRate BacktrackChangeRecordsStored "
            "BacktrackWindowActual BacktrackWindowAlert BackupRetentionPeriodStorageUsed BlockedTransactions "
            "BufferCacheHitRatio CPUCreditBalance CPUCreditUsage CPUSurplusCreditBalance CPUSurplusCreditsCharged "
            "ClientConnections ClientConnectionsClosed ClientConnectionsNoTLS ClientConnectionsReceived "
            "ClientConnectionsSetupFailedAuth ClientConnectionsSetupSucceeded ClientConnectionsTLS CommitLatency "
            "CommitThroughput DBLoad DBLoadCPU DBLoadNonCPU DBLoadRelativeToNumVCPUs DDLLatency DDLThroughput "
            "DMLLatency DMLThroughput DatabaseConnectionRequests DatabaseConnectionRequestsWithTLS "
            "DatabaseConnectionsBorrowLatency DatabaseConnectionsCurrentlyBorrowed "
            "DatabaseConnectionsCurrentlyInTransaction DatabaseConnectionsCurrentlySessionPinned "
            "DatabaseConnectionsSetupFailed DatabaseConnectionsSetupSucceeded DatabaseConnectionsWithTLS Deadlocks "
            "DeleteLatency DeleteThroughput EngineUptime FailedSQLServerAgentJobsCount FreeEphemeralStorage "
            "FreeLocalStoragePercent InsertLatency InsertThroughput LoginFailures "
            "MaxDatabaseConnectionsAllowed NetworkThroughput NumBinaryLogFiles "
            "OldestLogicalReplicationSlotLag PurgeBoundary PurgeFinishedPoint Queries "
            "QueryDatabaseResponseLatency QueryRequests QueryRequestsNoTLS QueryRequestsTLS QueryResponseLatency "
            "RDSToAuroraPostgreSQLReplicaLag ReadIOPSEphemeralStorage ReadIOPSLocalStorage "
            "ReadLatencyEphemeralStorage ReadLatencyLocalStorage ReadThroughputEphemeralStorage "
            "ReadThroughputLocalStorage ReplicationChannelLag ResultSetCacheHitRatio "
            "RollbackSegmentHistoryListLength RowLockTime SelectLatency SelectThroughput ServerlessDatabaseCapacity "
            "SnapshotStorageUsed StorageNetworkReceiveThroughput StorageNetworkThroughput "
            "StorageNetworkTransmitThroughput SumBinaryLogSize TempStorageIOPS TempStorageThroughput "
            "TotalBackupStorageBilled TruncateFinishedPoint "
            "UpdateLatency UpdateThroughput VolumeBytesUsed VolumeReadIOPs VolumeWriteIOPs "
            "WriteIOPSEphemeralStorage WriteIOPSLocalStorage WriteLatencyEphemeralStorage WriteLatencyLocalStorage "
            "WriteThroughputEphemeralStorage WriteThroughputLocalStorage",
        ),
        {
            "DBInstanceIdentifier": Source(("AWS::RDS::DBInstance",)),
            "DBClusterIdentifier": Source(("AWS::RDS::DBCluster",)),
            "DbClusterIdentifier": Source(("AWS::RDS::DBCluster",)),
            "ProxyName": Source(("AWS::RDS::DBProxy",)),
            **dict.fromkeys(("DatabaseClass", "EngineName", "EndpointName", "Role", "SourceRegion", "Target")),
            **dict.fromkeys(("TargetGroup", "TargetRole", "DbiResourceId")),
        },
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
    "AWS/NetworkELB": Namespace(
        _units(
            no_unit="ActiveFlowCount ActiveFlowCount_QUIC ActiveFlowCount_TCP ActiveFlowCount_TLS ActiveFlowCount_UDP "
            "ActiveZonalShiftHostCount ClientTLSNegotiationErrorCount ConsumedLCUs ConsumedLCUs_QUIC ConsumedLCUs_TCP "
            "ConsumedLCUs_TLS ConsumedLCUs_UDP HealthyHostCount NewFlowCount NewFlowCount_QUIC NewFlowCount_TCP "
            "NewFlowCount_TLS NewFlowCount_UDP PeakBytesPerSecond PeakPacketsPerSecond PortAllocationErrorCount "
            "ProcessedBytes ProcessedBytes_QUIC ProcessedBytes_TCP ProcessedBytes_TLS ProcessedBytes_UDP "
            "ProcessedPackets RejectedFlowCount RejectedFlowCount_TCP ReservedLCUs "
            "SecurityGroupBlockedFlowCount_Inbound_ICMP SecurityGroupBlockedFlowCount_Inbound_TCP "
            "SecurityGroupBlockedFlowCount_Inbound_UDP SecurityGroupBlockedFlowCount_Outbound_ICMP "
            "SecurityGroupBlockedFlowCount_Outbound_TCP SecurityGroupBlockedFlowCount_Outbound_UDP "
            "TCP_Client_Reset_Count TCP_ELB_Reset_Count TCP_Target_Reset_Count TargetTLSNegotiationErrorCount "
            "UnHealthyHostCount UnhealthyRoutingFlowCount ZonalHealthStatus",
        ),
        _ELB_V2,
        ("LoadBalancer",),
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    "AWS/ApplicationELB": Namespace(
        _units(
            no_unit="ActiveConnectionCount AnomalousHostCount ClientTLSNegotiationErrorCount ConsumedLCUs "
            "DesyncMitigationMode_NonCompliant_Request_Count DroppedInvalidHeaderRequestCount ELBAuthError "
            "ELBAuthFailure ELBAuthLatency ELBAuthRefreshTokenSuccess ELBAuthSuccess ELBAuthUserClaimsSizeExceeded "
            "ForwardedInvalidHeaderRequestCount GrpcRequestCount HTTPCode_ELB_3XX_Count HTTPCode_ELB_4XX_Count "
            "HTTPCode_ELB_500_Count HTTPCode_ELB_502_Count HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count "
            "HTTPCode_ELB_5XX_Count HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count "
            "HTTPCode_Target_5XX_Count HTTP_Fixed_Response_Count HTTP_Redirect_Count "
            "HTTP_Redirect_Url_Limit_Exceeded_Count HealthyHostCount HealthyStateDNS HealthyStateRouting "
            "IPv6ProcessedBytes IPv6RequestCount LambdaInternalError LambdaTargetProcessedBytes LambdaUserError "
            "LowReputationPacketsDropped LowReputationRequestsDenied MitigatedHostCount NewConnectionCount "
            "NonStickyRequestCount PeakLCUs ProcessedBytes RejectedConnectionCount RequestCount RequestCountPerTarget "
            "ReservedLCUs RuleEvaluations StandardProcessedBytes TargetConnectionErrorCount TargetResponseTime "
            "TargetTLSNegotiationErrorCount UnHealthyHostCount UnhealthyRoutingRequestCount UnhealthyStateDNS "
            "UnhealthyStateRouting",
        ),
        _ELB_V2,
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
    "AWS/ELB": Namespace(
        _units(
            no_unit="BackendConnectionErrors DesyncMitigationMode_NonCompliant_Request_Count "
            "EstimatedALBActiveConnectionCount EstimatedALBConsumedLCUs EstimatedALBNewConnectionCount "
            "EstimatedProcessedBytes HTTPCode_Backend_2XX HTTPCode_Backend_3XX HTTPCode_Backend_4XX "
            "HTTPCode_Backend_5XX HTTPCode_ELB_4XX HTTPCode_ELB_5XX HealthyHostCount Latency RequestCount "
            "SpilloverCount SurgeQueueLength UnHealthyHostCount",
        ),
        {"LoadBalancerName": Source(("AWS::ElasticLoadBalancing::LoadBalancer",)), "AvailabilityZone": None},
    ),
    # https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
    "AWS/CertificateManager": Namespace(
        _units(no_unit="DaysToExpiry"),
        {"CertificateArn": Source(("AWS::CertificateManager::Certificate",))},
        ("CertificateArn",),
    ),
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    "AWS/States": Namespace(
        _units(
            Milliseconds="ActivityRunTime ActivityScheduleTime ActivityTime ExecutionTime LambdaFunctionRunTime "
            "LambdaFunctionScheduleTime LambdaFunctionTime ServiceIntegrationRunTime ServiceIntegrationScheduleTime "
            "ServiceIntegrationTime",
            no_unit="ActivitiesFailed ActivitiesHeartbeatTimedOut ActivitiesScheduled ActivitiesStarted "
            "ActivitiesSucceeded ActivitiesTimedOut ConsumedCapacity ExecutionThrottled ExecutionsAborted "
            "ExecutionsFailed ExecutionsRedriven ExecutionsStarted ExecutionsSucceeded ExecutionsTimedOut "
            "ExpressExecutionBilledDuration ExpressExecutionBilledMemory ExpressExecutionMemory LambdaFunctionsFailed "
            "LambdaFunctionsHeartbeatTimedOut LambdaFunctionsScheduled LambdaFunctionsStarted "
            "LambdaFunctionsSucceeded LambdaFunctionsTimedOut OpenExecutionCount OpenExecutionLimit "
            "ProvisionedBucketSize ProvisionedRefillRate RedrivenExecutionsAborted RedrivenExecutionsFailed "
            "RedrivenExecutionsSucceeded RedrivenExecutionsTimedOut ServiceIntegrationsFailed "
            "ServiceIntegrationsScheduled ServiceIntegrationsStarted ServiceIntegrationsSucceeded "
            "ServiceIntegrationsTimedOut ThrottledEvents",
        ),
        {
            "StateMachineArn": Source(("AWS::StepFunctions::StateMachine",), ("", "Arn")),
            "ActivityArn": Source(("AWS::StepFunctions::Activity",), ("", "Arn")),
            "LambdaFunctionArn": Source(("AWS::Lambda::Function",), ("Arn",)),
            **dict.fromkeys(("StateTransition", "APIName", "ServiceIntegrationResourceArn", "ServiceMetric")),
        },
    ),
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    "AWS/Events": Namespace(
        _units(
            Count="DeadLetterInvocations Events FailedInvocations Invocations InvocationAttempts "
            "InvocationsFailedToBeSentToDlq InvocationsSentToDlq MatchedEvents RetryInvocationAttempts "
            "SuccessfulInvocationAttempts ThrottledRules TriggeredRules",
            Milliseconds="IngestionToInvocationStartLatency",
            no_unit="IngestionToInvocationCompleteLatency IngestionToInvocationSuccessLatency InvocationsCreated "
            "PutEventsApproximateCallCount PutEventsApproximateFailedCount PutEventsApproximateSuccessCount "
            "PutEventsApproximateThrottledCount PutEventsEntriesCount PutEventsFailedEntriesCount PutEventsLatency "
            "PutEventsRequestSize PutPartnerEventsApproximateCallCount PutPartnerEventsLatency",
        ),
        {
            "RuleName": Source(("AWS::Events::Rule",)),
            "EventBusName": Source(("AWS::Events::EventBus",), ("", "Name")),
            "EventSourceName": None,
        },
    ),
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": Namespace(
        _units(
            Milliseconds="Duration IteratorAge PostRuntimeExtensionsDuration AsyncEventAge OffsetLag",
            no_unit="AsyncEventsDropped AsyncEventsReceived ClaimedAccountConcurrency ConcurrentExecutions "
            "DeadLetterErrors DeletedEventCount DestinationDeliveryFailures DroppedEventCount Errors "
            "FailedInvokeEventCount FilteredOutEventCount Invocations InvokedEventCount "
            "OnFailureDestinationDeliveredEventCount OversizedRecordCount PolledEventCount "
            "ProvisionedConcurrencyInvocations ProvisionedConcurrencySpilloverInvocations "
            "ProvisionedConcurrencyUtilization ProvisionedConcurrentExecutions ProvisionedPollers "
            "RecursiveInvocationsDropped SignatureValidationErrors Throttles UnreservedConcurrentExecutions",
        ),
        {
            "FunctionName": Source(("AWS::Lambda::Function", "AWS::Serverless::Function")),
            **dict.fromkeys(("Resource", "ExecutedVersion", "EventSourceMappingUUID")),
        },
    ),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": Namespace(
        _units(
            Count="ApproximateNumberOfGroupsWithInflightMessages ApproximateNumberOfMessagesDelayed "
            "ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible "
            "NumberOfDeduplicatedSentMessages NumberOfEmptyReceives NumberOfMessagesDeleted NumberOfMessagesReceived "
            "NumberOfMessagesSent",
            Seconds="ApproximateAgeOfOldestMessage",
            Bytes="SentMessageSize",
            no_unit="ApproximateNumberOfNoisyGroups ApproximateNumberOfMessagesVisibleInQuietGroups "
            "ApproximateNumberOfMessagesNotVisibleInQuietGroups ApproximateNumberOfMessagesDelayedInQuietGroups "
            "ApproximateAgeOfOldestMessageInQuietGroups",
        ),
        {"QueueName": Source(("AWS::SQS::Queue",), ("QueueName",))},
        ("QueueName",),
    ),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    "AWS/SNS": Namespace(
        _units(
            Count="NumberOfMessagesPublished NumberOfNotificationsDelivered NumberOfNotificationsFailed "
            "NumberOfNotificationsFilteredOut NumberOfNotificationsFilteredOut-InvalidAttributes "
            "NumberOfNotificationsFilteredOut-InvalidMessageBody NumberOfNotificationsFilteredOut-MessageAttributes "
            "NumberOfNotificationsFilteredOut-MessageBody NumberOfNotificationsFilteredOut-NoMessageAttributes "
            "NumberOfNotificationsRedrivenToDlq NumberOfNotificationsFailedToRedriveToDlq",
            Bytes="PublishSize",
            no_unit="PhoneNumberDirect SMSMonthToDateSpentUSD SMSSuccessRate",
        ),
        {
            "TopicName": Source(("AWS::SNS::Topic",), ("TopicName",)),
            **dict.fromkeys(("Application", "Country", "Platform", "SMSType", "PhoneNumber")),
        },
    ),
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    "AWS/DynamoDB": Namespace(
        _units(
            no_unit="AccountMaxReads AccountMaxTableLevelReads AccountMaxTableLevelWrites AccountMaxWrites "
            "AccountProvisionedReadCapacityUtilization AccountProvisionedWriteCapacityUtilization "
            "AgeOfOldestUnreplicatedRecord ConditionalCheckFailedRequests ConsumedChangeDataCaptureUnits "
            "ConsumedReadCapacityUnits ConsumedWriteCapacityUnits FailedToReplicateRecordCount "
            "FaultInjectionServiceInducedErrors MaxProvisionedTableReadCapacityUtilization "
            "MaxProvisionedTableWriteCapacityUtilization OnDemandMaxReadRequestUnits OnDemandMaxWriteRequestUnits "
            "OnlineIndexConsumedWriteCapacity OnlineIndexPercentageProgress OnlineIndexThrottleEvents "
            "PendingReplicationCount ProvisionedReadCapacityUnits ProvisionedWriteCapacityUnits ReadThrottleEvents "
            "ReplicationLatency ReturnedBytes ReturnedItemCount ReturnedRecordsCount SuccessfulRequestLatency "
            "SystemErrors ThrottledPutRecordCount ThrottledRequests TimeToLiveDeletedItemCount TransactionConflict "
            "UserErrors WriteThrottleEvents",
        ),
        {
            "TableName": Source(("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Serverless::SimpleTable")),
            **dict.fromkeys(("DelegatedOperation", "GlobalSecondaryIndexName", "Operation", "OperationType")),
            **dict.fromkeys(("ReceivingRegion", "SourceRegion", "StreamLabel", "Verb", "Source", "ContributorTier")),
        },
    ),
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    "AWS/ECS": Namespace(
        _units(
            Percent="CPUReservation CPUUtilization EBSFilesystemUtilization GPUReservation MemoryReservation "
            "MemoryUtilization",
            no_unit="ActiveConnectionCount ClientTLSNegotiationErrorCount GrpcRequestCount HTTPCode_Target_2XX_Count "
            "HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count HTTPCode_Target_5XX_Count NewConnectionCount "
            "ProcessedBytes RequestCount RequestCountPerTarget TargetProcessedBytes TargetResponseTime "
            "TargetTLSNegotiationErrorCount",
        ),
        {
            "ClusterName": Source(("AWS::ECS::Cluster",)),
            "ServiceName": Source(("AWS::ECS::Service",), ("Name",)),
            **dict.fromkeys(("DiscoveryName", "TargetDiscoveryName")),
        },
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
    "AWS/S3": Namespace(
        _units(
            Bytes="BucketSizeBytes BytesDownloaded BytesPendingReplication BytesUploaded SelectReturnedBytes "
            "SelectScannedBytes",
            Milliseconds="FirstByteLatency TotalRequestLatency",
            Count="AllRequests DeleteRequests GetRequests HeadRequests ListRequests NumberOfObjects "
            "OperationsFailedReplication OperationsPendingReplication PostRequests PutRequests SelectRequests "
            "4xxErrors 5xxErrors",
            Seconds="ReplicationLatency",
        ),
        {
            "BucketName": Source(("AWS::S3::Bucket",)),
            **dict.fromkeys(("DestinationBucket", "FilterId", "RuleId", "SourceBucket", "StorageType")),
        },
    ),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    "AWS/Logs": Namespace(
        _units(
            no_unit="AnomalyCount CallCount DeliveryErrors DeliveryThrottling EMFParsingErrors EMFValidationErrors "
            "ErrorCount ForwardedBytes ForwardedLogEvents IncomingBytes IncomingLogEvents LogEventsWithFindings "
            "ThrottleCount TransformationErrors TransformedBytes TransformedLogEvents",
        ),
        {
            "LogGroupName": Source(("AWS::Logs::LogGroup",)),
            **dict.fromkeys(("DestinationType", "FilterName", "Resource", "Service", "Type", "Class")),
            **dict.fromkeys(("LogAnomalyDetector", "LogAnomalyPriority", "DataProtectionOperation", "PolicyLevel")),
        },
    ),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    "AWS/ApiGateway": Namespace(
        _units(
            Milliseconds="IntegrationLatency Latency",
            no_unit="4XXError 4xx 5XXError 5xx CacheHitCount CacheMissCount ClientError ConnectCount Count "
            "DataProcessed ExecutionError IntegrationError MessageCount",
        ),
        dict.fromkeys(("ApiId", "ApiName", "Method", "Resource", "Route", "Stage")),
    ),
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    "AWS/CloudFront": Namespace(
        _units(
            Percent="401ErrorRate 403ErrorRate 404ErrorRate 4xxErrorRate 502ErrorRate 503ErrorRate 504ErrorRate "
            "5xxErrorRate CacheHitRate TotalErrorRate",
            no_unit="BytesDownloaded BytesUploaded FunctionComputeUtilization FunctionExecutionErrors "
            "FunctionInvocations FunctionThrottles FunctionValidationErrors LambdaExecutionError "
            "LambdaLimitExceededErrors LambdaValidationError OriginLatency Requests",
        ),
        {
            "DistributionId": Source(("AWS::CloudFront::Distribution",), ("", "Id")),
            **dict.fromkeys(("Region", "FunctionName")),
        },
        ("Region",),
    ),
    # https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
    "AWS/NATGateway": Namespace(
        _units(
            Count="ActiveConnectionCount ConnectionAttemptCount ConnectionEstablishedCount ErrorPortAllocation "
            "IdleTimeoutCount PacketsDropCount PacketsInFromDestination PacketsInFromSource PacketsOutToDestination "
            "PacketsOutToSource PeakPacketsPerSecond",
            Bytes="BytesInFromDestination BytesInFromSource BytesOutToDestination BytesOutToSource",
            no_unit="PeakBytesPerSecond",
        ),
        {"NatGatewayId": Source(("AWS::EC2::NatGateway",), ("", "NatGatewayId"))},
        ("NatGatewayId",),
    ),
    # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html
    "AWS/ElastiCache": Namespace(
        _units(
            Percent="CPUUtilization DatabaseMemoryUsagePercentage EngineCPUUtilization CacheHitRate",
            Bytes="BytesUsedForCache FreeableMemory NetworkBytesIn NetworkBytesOut SwapUsage UnusedMemory",
            Seconds="ReplicationLag",
            Count="CacheHits CacheMisses CurrConnections CurrItems Evictions NewConnections Reclaimed",
            no_unit="ActiveDefragHits AuthenticationFailures BytesReadIntoMemcached BytesWrittenOutFromMemcached "
            "CPUCreditBalance CPUCreditUsage CommandAuthorizationFailures DB0AverageTTL GlobalDatastoreReplicationLag "
            "IsMaster IsPrimary KeyAuthorizationFailures MasterLinkHealthStatus PrimaryLinkHealthStatus "
            "MemoryFragmentationRatio NetworkBandwidthInAllowanceExceeded NetworkBandwidthOutAllowanceExceeded "
            "NetworkConntrackAllowanceExceeded NetworkPacketsIn NetworkPacketsOut ReplicationBytes SaveInProgress",
        ),
        dict.fromkeys(("CacheClusterId", "CacheNodeId", "clusterId", "ReplicationGroupId", "GlobalReplicationGroupId")),
    ),
}
"""The namespaces that templates use most."""

_LOW_IS_BAD = (
    "AvailabilityPercentage BurstBalance CPUCreditBalance DaysToExpiry EBSByteBalance% EBSIOBalance% "
    "FreeEphemeralStorage FreeLocalStorage FreeStorageSpace FreeStorageSpaceLogVolume FreeableMemory HealthyHostCount"
)
_HIGH_IS_BAD = (
    "4XXError 5XXError 4xx 5xx 4xxErrors 5xxErrors 4xxErrorRate 5xxErrorRate TotalErrorRate BackendConnectionErrors "
    "DeadLetterErrors DeadLetterInvocations DestinationDeliveryFailures ErrorPortAllocation Errors ExecutionThrottled "
    "ExecutionsAborted ExecutionsFailed ExecutionsTimedOut FailedInvocations HTTPCode_Backend_5XX "
    "HTTPCode_ELB_500_Count HTTPCode_ELB_502_Count HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count HTTPCode_ELB_5XX "
    "HTTPCode_ELB_5XX_Count HTTPCode_Target_5XX_Count InvocationsFailedToBeSentToDlq InvocationsSentToDlq "
    "NumberOfNotificationsFailed PacketsDropCount PortAllocationErrorCount ReadThrottleEvents RejectedConnectionCount "
    "SpilloverCount StatusCheckFailed StatusCheckFailed_AttachedEBS StatusCheckFailed_Instance "
    "StatusCheckFailed_System SystemErrors TargetConnectionErrorCount ThrottledRequests Throttles UnHealthyHostCount "
    "UserErrors WriteThrottleEvents"
)
_BAD: Mapping[str, Literal["low", "high"]] = {
    **dict.fromkeys(_LOW_IS_BAD.split(), "low"),
    **dict.fromkeys(_HIGH_IS_BAD.split(), "high"),
}

_AT_MOST_A_HUNDRED = {
    ("AWS/EC2", "CPUUtilization"),
    ("AWS/RDS", "CPUUtilization"),
    *((each, name) for each in ("AWS/EC2", "AWS/RDS") for name in ("EBSByteBalance%", "EBSIOBalance%")),
    *((each, "BurstBalance") for each in ("AWS/EBS", "AWS/RDS")),
}
"""Percentages of a whole. The CPU of an ECS service, for one, may be above 100."""


def bad_values(namespace: str, metric: str) -> Literal["low", "high"] | None:
    """Which values of a metric are bad; None if that depends on what somebody watches it for, or is unknown."""
    return _BAD.get(metric) if metric in NAMESPACES.get(namespace, _NONE).units else None


def value_range(namespace: str, metric: str) -> tuple[float, float] | None:
    """The least and the greatest value that a metric can have; None if unknown. A lag of -1 means that nothing lags."""
    if metric not in NAMESPACES.get(namespace, _NONE).units or "Lag" in metric:
        return None
    if metric.startswith("StatusCheckFailed"):
        return (0, 1)
    return (0, 100 if (namespace, metric) in _AT_MOST_A_HUNDRED else float("inf"))


_NONE = Namespace({}, {})


def misspelt(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody meant; None if the name is known, or may be one that AWS has added.

    What AWS adds differs in words, capitals and digits. A name counts as misspelt if it differs in the case of its
    letters or in separators, or by a slip of the typist in small letters.
    """
    known = [*known]
    if name in known:
        return None
    same = (each for each in known if _plain(each) == _plain(name))
    return next(same, None) or next((each for each in known if _differs_in_small_letters(name, each)), None)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _differs_in_small_letters(name: str, known: str) -> bool:
    """Whether one or two small letters are missing or too many in one place, one is another, or two are swapped."""
    if len(name) < 8 or abs(len(name) - len(known)) > 2:
        return False
    changes = [each for each in SequenceMatcher(None, name, known, False).get_opcodes() if each[0] != "equal"]
    wrong, right = [name[a:b] for _, a, b, _, _ in changes], [known[c:d] for _, _, _, c, d in changes]
    one_place = len(changes) == 1 and (max(map(len, (*wrong, *right))) == 1 or "" in (*wrong, *right))
    swapped = len(changes) == 2 and sorted(wrong) == sorted(right) and len("".join(wrong)) == 1
    return (one_place or swapped) and re.fullmatch("[a-z]+", "".join((*wrong, *right))) is not None
