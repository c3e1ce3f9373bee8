"""One thin command a file; nothing heavy is imported before a command's work begins."""
