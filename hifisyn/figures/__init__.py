"""The figures of a data set and its models: comparisons, what the bank reads, what the content holds, training."""
