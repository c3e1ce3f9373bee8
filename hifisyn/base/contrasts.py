"""What goes into the base model and what comes out, in the order that its weights have."""

NAMED = ("T1", "T1ce", "T2", "PD", "FLAIR")
UNNAMED = "unnamed"
SLOTS = (*NAMED, UNNAMED)
TARGETS = ("T1", "T2", "FLAIR")  # never T1ce: enhancement cannot be seen without the agent
TISSUES = ("CSF", "GM", "WM", "lesion")  # labels 1 to 4 of a simulated head
CONTEXT = 1
STACK = 2 * CONTEXT + 1  # a slice amid its neighbours
