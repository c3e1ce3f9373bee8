"""Adapted: the base model, moved towards a cohort that has no pairs: simulated heads that look like it, and its scans.

A real scan is the target, and its own translation the input: back-translation, of Sennrich, Haddow and Birch,
"Improving Neural Machine Translation Models with Monolingual Data", ACL 2016, arXiv 1511.06709.

Where its parts are:

| part | what | function |
|---|---|---|
| look | mean and spread of tissues over training subjects, no pair needed | `tissue_look.py:looks_of_cohort` |
| pairs | simulated heads whose tissues have the cohort's means | `remapping.py:with_tissue_means` |
| back | a real target from its own translation | `trainer.py:Adapted.updates` |
| network | told the means of the target's tissues | `hifisyn/methods/named_network.py:NamedNetwork` |
"""
