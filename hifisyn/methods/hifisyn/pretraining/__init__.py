"""HiFi-Syn's networks, pre-trained on simulated heads, of which is known what the paper's objective only hopes for.

| what is known | what it teaches | where |
|---|---|---|
| the other contrasts of a slice | translations | `task.py:PretrainTask.losses` |
| that they are of one slice | one content | `hifisyn/methods/hifisyn/supervised.py:content_distance` |
| exact labels | which slot a pixel fills | `task.py:PretrainTask.losses`, the bank's own update |
| lesions, in all contrasts | contents that keep them | `batches.py:HeadBatches` |

Nothing of it is of the paper. No discriminator, no real scan.
"""
