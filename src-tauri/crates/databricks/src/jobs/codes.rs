//! The states and codes of runs, as the API spells them.

use crate::open_enum::open_enum;

open_enum! {
    /// Of the newer `status`.
    RunState {
        Blocked = "BLOCKED",
        Pending = "PENDING",
        Queued = "QUEUED",
        Running = "RUNNING",
        Terminating = "TERMINATING",
        Terminated = "TERMINATED",
        Waiting = "WAITING",
    }
    /// Of the older `state`.
    LifeCycle {
        Queued = "QUEUED",
        Pending = "PENDING",
        Running = "RUNNING",
        Terminating = "TERMINATING",
        Terminated = "TERMINATED",
        Skipped = "SKIPPED",
        InternalError = "INTERNAL_ERROR",
        Blocked = "BLOCKED",
        WaitingForRetry = "WAITING_FOR_RETRY",
    }
    ResultState {
        Success = "SUCCESS",
        SuccessWithFailures = "SUCCESS_WITH_FAILURES",
        Failed = "FAILED",
        TimedOut = "TIMEDOUT",
        Canceled = "CANCELED",
        MaximumConcurrentRunsReached = "MAXIMUM_CONCURRENT_RUNS_REACHED",
        Excluded = "EXCLUDED",
        UpstreamFailed = "UPSTREAM_FAILED",
        UpstreamCanceled = "UPSTREAM_CANCELED",
        Disabled = "DISABLED",
    }
    TerminationType {
        Success = "SUCCESS",
        InternalError = "INTERNAL_ERROR",
        ClientError = "CLIENT_ERROR",
        CloudFailure = "CLOUD_FAILURE",
    }
    TerminationCode {
        Success = "SUCCESS",
        SuccessWithFailures = "SUCCESS_WITH_FAILURES",
        UserCanceled = "USER_CANCELED",
        Canceled = "CANCELED",
        Skipped = "SKIPPED",
        InternalError = "INTERNAL_ERROR",
        DriverError = "DRIVER_ERROR",
        ClusterError = "CLUSTER_ERROR",
        RepositoryCheckoutFailed = "REPOSITORY_CHECKOUT_FAILED",
        InvalidClusterRequest = "INVALID_CLUSTER_REQUEST",
        WorkspaceRunLimitExceeded = "WORKSPACE_RUN_LIMIT_EXCEEDED",
        FeatureDisabled = "FEATURE_DISABLED",
        ClusterRequestLimitExceeded = "CLUSTER_REQUEST_LIMIT_EXCEEDED",
        StorageAccessError = "STORAGE_ACCESS_ERROR",
        RunExecutionError = "RUN_EXECUTION_ERROR",
        UnauthorizedError = "UNAUTHORIZED_ERROR",
        LibraryInstallationError = "LIBRARY_INSTALLATION_ERROR",
        MaxConcurrentRunsExceeded = "MAX_CONCURRENT_RUNS_EXCEEDED",
        MaxSparkContextsExceeded = "MAX_SPARK_CONTEXTS_EXCEEDED",
        ResourceNotFound = "RESOURCE_NOT_FOUND",
        InvalidRunConfiguration = "INVALID_RUN_CONFIGURATION",
        CloudFailure = "CLOUD_FAILURE",
        MaxJobQueueSizeExceeded = "MAX_JOB_QUEUE_SIZE_EXCEEDED",
        Disabled = "DISABLED",
        BreakingChange = "BREAKING_CHANGE",
        BudgetPolicyLimitExceeded = "BUDGET_POLICY_LIMIT_EXCEEDED",
        ClusterTerminatedByUser = "CLUSTER_TERMINATED_BY_USER",
    }
}
