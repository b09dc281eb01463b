//! keyferry as the chart's ServiceAccount.
