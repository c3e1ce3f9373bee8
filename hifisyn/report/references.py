"""The literature that a methods paragraph may cite, and the numbering of what it did cite.

The paper of a method stands in its class; all else stands here.
"""

from hifisyn.errors import UserError
from hifisyn.training.registry import trusted_class

REFERENCES = {
    "hifisyn": "The hifisyn developers. hifisyn: an independent implementation of HiFi-Syn. Software, Apache-2.0.",
    "pytorch": (
        "Paszke A, Gross S, Massa F, et al. PyTorch: an imperative style, high-performance deep learning library. "
        "NeurIPS 2019."
    ),
    "deepbet": (
        "Fisch L, Zumdick S, Barkhau C, et al. deepbet: fast brain extraction of T1-weighted MRI using "
        "convolutional neural networks. Comput Biol Med 179, 108845, 2024."
    ),
    "base": (
        "Billot B, Greve DN, Puonti O, et al. SynthSeg: segmentation of brain MRI scans of any contrast and resolution "
        "without retraining. Med Image Anal 86, 102789, 2023."
    ),
    "hd-bet": (
        "Isensee F, Schell M, Pflueger I, et al. Automated brain extraction of multisequence MRI using artificial "
        "neural networks. Hum Brain Mapp 40, 4952-4964, 2019."
    ),
    "synthstrip": (
        "Hoopes A, Mora JS, Dalca AV, Fischl B, Hoffmann M. SynthStrip: skull-stripping for any brain image. "
        "NeuroImage 260, 119474, 2022."
    ),
    "bet": "Smith SM. Fast robust automated brain extraction. Hum Brain Mapp 17, 143-155, 2002.",
    "ants": (
        "Avants BB, Tustison NJ, Song G, Cook PA, Klein A, Gee JC. A reproducible evaluation of ANTs similarity "
        "metric performance in brain image registration. NeuroImage 54, 2033-2044, 2011."
    ),
    "n4": (
        "Tustison NJ, Avants BB, Cook PA, et al. N4ITK: improved N3 bias correction. IEEE Trans Med Imaging 29, "
        "1310-1320, 2010."
    ),
    "atropos": (
        "Avants BB, Tustison NJ, Wu J, Cook PA, Gee JC. An open source multivariate framework for n-tissue "
        "segmentation with evaluation on public data. Neuroinformatics 9, 381-400, 2011."
    ),
    "fast": (
        "Zhang Y, Brady M, Smith S. Segmentation of brain MR images through a hidden Markov random field model and "
        "the expectation-maximization algorithm. IEEE Trans Med Imaging 20, 45-57, 2001."
    ),
    "nnunet": (
        "Isensee F, Jaeger PF, Kohl SAA, Petersen J, Maier-Hein KH. nnU-Net: a self-configuring method for deep "
        "learning-based biomedical image segmentation. Nat Methods 18, 203-211, 2021."
    ),
    "ssim": (
        "Wang Z, Bovik AC, Sheikh HR, Simoncelli EP. Image quality assessment: from error visibility to structural "
        "similarity. IEEE Trans Image Process 13, 600-612, 2004."
    ),
    "ms_ssim": (
        "Wang Z, Simoncelli EP, Bovik AC. Multiscale structural similarity for image quality assessment. Asilomar "
        "Conf Signals Syst Comput, 1398-1402, 2003."
    ),
    "nmi": (
        "Studholme C, Hill DLG, Hawkes DJ. An overlap invariant entropy measure of 3D medical image alignment. Pattern "
        "Recognit 32, 71-86, 1999."
    ),
    "blur": (
        "Crete F, Dolmiere T, Ladret P, Nicolas M. The blur effect: perception and estimation with a new no-reference "
        "perceptual blur metric. Proc SPIE 6492, 64920I, 2007."
    ),
    "scikit-image": (
        "van der Walt S, Schönberger JL, Nunez-Iglesias J, et al. scikit-image: image processing in Python. PeerJ 2, "
        "e453, 2014."
    ),
    "calibration": (
        "Levi D, Gispan L, Giladi N, Fetaya E. Evaluating and calibrating uncertainty prediction in regression tasks. "
        "Sensors 22, 5540, 2022."
    ),
    "ause": (
        "Ilg E, Cicek O, Galesso S, et al. Uncertainty estimates and multi-hypotheses networks for optical flow. ECCV "
        "2018."
    ),
    "wilcoxon": "Wilcoxon F. Individual comparisons by ranking methods. Biometrics Bull 1, 80-83, 1945.",
    "holm": "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 6, 65-70, 1979.",
    "bca": "Efron B. Better bootstrap confidence intervals. J Am Stat Assoc 82, 171-185, 1987.",
    "friedman": (
        "Friedman M. The use of ranks to avoid the assumption of normality implicit in the analysis of variance. J "
        "Am Stat Assoc 32, 675-701, 1937."
    ),
    "nemenyi": (
        "Demsar J. Statistical comparisons of classifiers over multiple data sets. J Mach Learn Res 7, 1-30, 2006."
    ),
    "dice": "Dice LR. Measures of the amount of ecologic association between species. Ecology 26, 297-302, 1945.",
    "hd95": (
        "Huttenlocher DP, Klanderman GA, Rucklidge WJ. Comparing images using the Hausdorff distance. IEEE Trans "
        "Pattern Anal Mach Intell 15, 850-863, 1993."
    ),
    "vs": (
        "Taha AA, Hanbury A. Metrics for evaluating 3D medical image segmentation: analysis, selection, and tool. "
        "BMC Med Imaging 15, 29, 2015."
    ),
}


def citation(method: str) -> str:
    """Return the paper of a method, named as in a model folder.

    "" where its class cannot be found or names none itself: a paper that it only inherits is another method's.
    """
    try:
        return str(vars(trusted_class(method, method)).get("CITATION", ""))
    except UserError:
        return ""


class Citations:
    """Numbers the references in the order in which they are cited: keys of `REFERENCES` and names of methods.

    >>> cite = Citations()
    >>> cite("ssim"), cite("wilcoxon", "ssim"), cite.keys
    ('[1]', '[1, 2]', ['ssim', 'wilcoxon'])
    """

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, *keys: str) -> str:
        """Return the citation of some references: "[1, 2]"."""
        self.keys += [key for key in keys if key not in self.keys]
        return f"[{', '.join(str(number) for number in sorted(self.keys.index(key) + 1 for key in keys))}]"

    def lines(self) -> list[str]:
        """Return the list of references, in order."""
        return [f"[{n}] {REFERENCES.get(key) or citation(key)}" for n, key in enumerate(self.keys, 1)]
