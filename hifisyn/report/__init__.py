"""The page on which all that is known of the models of a data set can be read, looked at and cited."""
