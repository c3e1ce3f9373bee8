"""Data sets as people have them on disk, made into raw folders; one data set a file."""
