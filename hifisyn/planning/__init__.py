"""From a data set to its plan: fingerprint, rules, splits."""
