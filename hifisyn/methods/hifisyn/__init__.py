"""HiFi-Syn.

Yu et al., "HiFi-Syn: Hierarchical Granularity Discrimination for High-Fidelity Synthesis of MR Images with Structure
Preservation", arXiv 2311.12461v2 (2024).

Where the equations of the paper are:

| equation | what | function |
|---|---|---|
| 1 | weights w of a pixel's read of the slots | `memory_bank.py:BrainMemoryBank.weights` |
| 2, 3 | what a pixel reads, S, in training and in testing | `memory_bank.py:BrainMemoryBank.retrieve` |
| 4 | update of the keys, the sum over both contrasts | `memory_update.py:joint_key` |
| 4, 5 | update of an item, normalised | `memory_update.py:moved` |
| 5 | update of the values | `memory_bank.py:BrainMemoryBank.blended` |
| 6 | update weights u, and the sums over pixels | `memory_update.py:slot_sums` |
| 7 | L_PGD, pixel granularity | `hifisyn/losses/pgd.py:pixel_loss` |
| 8 | content of a structure, r_s | `sgd.py:region_vectors` |
| 9 | difference d_s of a structure | `sgd.py:structure_difference` |
| 10 | rank weight w_s | `sgd.py:rank_weight` |
| 11 | L_SGD, structure granularity | `sgd.py:structure_loss` |
| 12 | L_GGD, global granularity | `ggd.py:global_loss` |
| 13, 14 | translation, cross-cycle and self-reconstruction | `passes.py:Passes.render` |
| 15 | L_content, of E^c | `hifisyn/losses/adversarial.py:content_adversarial_loss` |
| 15 | L_content, of D^c | `hifisyn/losses/adversarial.py:content_discriminator_loss` |
| 16 | L_domain, of G | `hifisyn/losses/adversarial.py:generator_loss` |
| 16 | L_domain, of D | `hifisyn/losses/adversarial.py:discriminator_loss` |
| 17 | the whole objective | `trainer.py:HiFiSyn.objective` |
"""
