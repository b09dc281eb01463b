//! Tables, figures against goals, verdicts.
