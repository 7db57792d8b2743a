"""The names of the metrics: one list for what is exposed, for the rules and for the charts."""

from __future__ import annotations

OPERATION_DURATION = "cde_operation_duration_seconds"
"""Histogram by ``operation``."""
OPERATIONS = "cde_operations_total"
"""Counter by ``operation``, ``outcome`` and ``error_code``."""
LOCK_WAIT = "cde_lock_wait_seconds"
"""Histogram: how long operations waited for the project's lock."""
ACTIVE_FEATURES = "cde_active_features"
JOURNAL_BYTES = "cde_journal_bytes"
STATE_BYTES = "cde_state_bytes"
PROJECT_BYTES = "cde_project_bytes"
"""Gauge: all that ``.cde/`` takes up."""
BREAKER_STATE = "cde_breaker_state"
"""Gauge by ``breaker``: 0 closed, 0.5 half-open, 1 open."""
READ_ONLY = "cde_read_only"
ALERT_FIRING = "cde_alert_firing"
"""Gauge by ``alert``: 1 while it fires, else 0."""
DISK_FREE_BYTES = "cde_disk_free_bytes"
MEMORY_USED_RATIO = "cde_memory_used_ratio"
"""Gauge: the share, 0 to 1, of the machine's memory that is in use."""
PROCESS_MEMORY_BYTES = "cde_process_memory_bytes"
UPTIME_SECONDS = "cde_uptime_seconds"
CHECK_STATE = "cde_check_state"
"""Gauge by ``check``: 0 ok, 1 warning, 2 critical."""
RECOVERIES = "cde_recoveries"
"""Gauge: how often the state was repaired lately."""
BACKUP_AGE_SECONDS = "cde_backup_age_seconds"
CLAIMS_EXPIRED = "cde_claims_expired"
BUILD_INFO = "cde_build_info"
"""Gauge, always 1, by ``version``."""

COUNTERS = frozenset({OPERATIONS})
HISTOGRAMS = frozenset({OPERATION_DURATION, LOCK_WAIT})
GAUGES = frozenset(
    {
        ACTIVE_FEATURES,
        JOURNAL_BYTES,
        STATE_BYTES,
        PROJECT_BYTES,
        BREAKER_STATE,
        READ_ONLY,
        ALERT_FIRING,
        DISK_FREE_BYTES,
        MEMORY_USED_RATIO,
        PROCESS_MEMORY_BYTES,
        UPTIME_SECONDS,
        CHECK_STATE,
        RECOVERIES,
        BACKUP_AGE_SECONDS,
        CLAIMS_EXPIRED,
        BUILD_INFO,
    }
)
