"""Tables that people read, in Markdown, HTML, text and CSV."""
