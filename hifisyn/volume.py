"""A volume in the scanner's space: an array and the affine that places it. Nobody else saves an image."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel import orientations

from hifisyn import nifti_stream, voxel_values
from hifisyn.errors import FileError
from hifisyn.files import atomic

SAME_GRID = 0.02  # of a voxel


@dataclass(frozen=True)
class Volume:
    """A 3D image.

    Attributes:
        data: (I, J, K) array.
        affine: (4, 4), voxel index to millimetres in RAS+.
        header: the NIfTI header it was read with, kept so that form codes survive; in millimetres, without free text.
        replaced: voxels that reading found NaN or infinite, and gave another value.

    >>> scan = Volume.load("scans/P01_T1.nii.gz")
    >>> scan.shape
    (56, 68, 24)
    >>> scan.with_data(scan.data / 2).save("half.nii.gz")
    """

    data: np.ndarray
    affine: np.ndarray
    header: Any = field(default=None, repr=False, compare=False)
    replaced: int = 0

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise ValueError(f"a Volume has 3 axes, got an array of shape {self.data.shape}")
        if self.affine.shape != (4, 4):
            raise ValueError(f"an affine is (4, 4), got {self.affine.shape}")

    @classmethod
    def load(cls, path: Path | str, dtype: Any = np.float32, *, constant: bool = False) -> "Volume":
        """Read a NIfTI file (.nii or .nii.gz) as `dtype`; `nifti_header.mended` says what headers may be like.

        NaN and -inf become the lowest finite intensity, +inf the highest.

        Args:
            path: the file; it may lie in an archive (`hifisyn.archives`).
            dtype: of the array.
            constant: take a volume of one value too, such as the label map of a healthy subject.

        Raises:
            FileError: the file is missing, damaged, no NIfTI, not 3D, too large for the memory, constant, mostly not
                finite, or its header contradicts itself.
        """
        path = Path(path)
        values, header = nifti_stream.read_image(path)
        data, replaced = voxel_values.finite(path, values, dtype)
        if not constant and data.min() == data.max():
            raise FileError(path, "must be an image", got="a constant volume", hint="export the scan again")
        return cls(data, header.get_best_affine(), header, replaced)

    @classmethod
    def load_labels(cls, path: Path | str) -> "Volume":
        """Read a label map, unsigned integers: values within 0.01 of a whole number are taken for it.

        Raises:
            FileError: as `load`, but a map of one value is one; or a voxel holds no label.
        """
        values, header = nifti_stream.read_image(Path(path))
        return cls(voxel_values.labels(Path(path), values), header.get_best_affine(), header)

    @classmethod
    def load_mask(cls, path: Path | str) -> "Volume":
        """Read a mask, uint8: 1 where the file holds more than 0.5.

        Raises:
            FileError: as `load`, but a mask of one value is one; or a voxel is negative.
        """
        values, header = nifti_stream.read_image(Path(path))
        return cls(voxel_values.mask(Path(path), values), header.get_best_affine(), header)

    def save(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write a NIfTI file atomically: data type as the array's, header as it was read.

        An affine that is not the header's goes into both forms; else both stay as they were read.

        Raises:
            FileError: the file exists and `overwrite` is false.
        """
        path = Path(path)
        if path.exists() and not overwrite:
            raise FileError(path, "already exists", hint="pass --overwrite or name another output folder")
        with atomic(path) as temporary:
            nib.save(self.to_nifti(), temporary)

    def to_nifti(self) -> nib.Nifti1Image:
        """Return the same volume as a nibabel image that shares the array."""
        data = self.data.astype(np.uint8) if self.data.dtype == bool else self.data
        image = nib.Nifti1Image(data, self.affine, self.header)
        image.set_data_dtype(data.dtype)
        image.header.set_slope_inter(1, 0)
        image.header["cal_min"] = image.header["cal_max"] = 0
        if self.header is None:
            image.header.set_xyzt_units("mm")
        if self.header is None or not np.allclose(self.affine, self.header.get_best_affine(), atol=1e-6):
            sform, qform = (int(image.header[code]) for code in ("sform_code", "qform_code"))
            code = sform or qform or 1
            image.set_sform(self.affine, code=code)
            image.set_qform(self.affine, code=code)
        return image

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxel centres along each axis."""
        i, j, k = (float(s) for s in np.linalg.norm(self.affine[:3, :3], axis=0))
        return i, j, k

    @property
    def voxel_ml(self) -> float:
        """Millilitres of a voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    @property
    def millilitres(self) -> float:
        """Volume of a mask: of all that is above 0."""
        return float((self.data > 0).sum()) * self.voxel_ml

    @property
    def axcodes(self) -> str:
        """The directions that the axes point to, such as "RAS"."""
        return "".join(nib.aff2axcodes(self.affine))

    @property
    def oriented(self) -> bool:
        """Whether the header it was read with says how the axes lie in the scanner; else the affine is a guess."""
        codes = ("sform_code", "qform_code")
        return self.header is None or any(code not in self.header or int(self.header[code]) for code in codes)

    def with_data(self, data: np.ndarray) -> "Volume":
        """Return other data on the same grid.

        Raises:
            ValueError: the shape is not this grid's.
        """
        if data.shape != self.shape:
            raise ValueError(f"the grid is {self.shape}, got data of shape {data.shape}")
        return Volume(data, self.affine, self.header)

    def described(self, text: str) -> "Volume":
        """Return the same volume with another description in its header (at most 79 ASCII characters)."""
        header = self.to_nifti().header.copy()
        header["descrip"] = text.encode("ascii")[:79]
        return Volume(self.data, self.affine, header)

    def same_grid(self, other: "Volume") -> bool:
        """Return whether both have the same shape and place every corner within a fiftieth of a voxel.

        Programs write affines in single precision, and as quaternions, which moves corners by thousandths of a mm.
        """
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], [1])).reshape(4, -1)
        return bool(np.abs((self.affine - other.affine) @ corners).max() < SAME_GRID * min(self.spacing))

    def on_grid_of(self, other: "Volume") -> "Volume | None":
        """Return the volume with its axes as another has them, where both have the same voxels; none where they differ.

        No value is interpolated.
        """
        for turned in (self, self.reoriented("".join(other.axcodes))):
            if turned.same_grid(other):
                return turned
        return None

    def canonical(self) -> "Volume":
        """Return the volume with its axes flipped and permuted to the closest RAS; no value is interpolated.

        >>> flipped = Volume(np.arange(8.0).reshape(2, 2, 2), np.diag([-1.0, 1, 1, 1]))
        >>> flipped.axcodes, flipped.canonical().axcodes
        ('LAS', 'RAS')
        """
        return self.reoriented("RAS")

    def reoriented(self, axcodes: str) -> "Volume":
        """Return the volume with its axes flipped and permuted so that they point to `axcodes`."""
        now = orientations.io_orientation(self.affine)
        change = orientations.ornt_transform(now, orientations.axcodes2ornt(tuple(axcodes)))
        data = orientations.apply_orientation(self.data, change)
        affine = self.affine @ orientations.inv_ornt_aff(change, self.shape)
        return Volume(np.ascontiguousarray(data), affine, self.header, self.replaced)


def read_grid(path: Path | str) -> Volume:
    """Read where the voxels of a NIfTI file lie, and none of their values: an empty volume on its grid.

    Raises:
        FileError: the file is missing, truncated, no NIfTI or not 3D, or its header contradicts itself.
    """
    header = nifti_stream.read_header(Path(path))
    return Volume(np.broadcast_to(np.False_, header.get_data_shape()), header.get_best_affine(), header)


def grid(shape: tuple[int, int, int], affine: np.ndarray) -> Volume:
    """Return an empty boolean volume that only says where its voxels lie."""
    return Volume(np.zeros(shape, dtype=bool), np.asarray(affine, dtype=np.float64))
