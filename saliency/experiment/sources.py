"""Files that an experiment is made from: those that rules make, and what a file that the user keeps is known by."""

from pathlib import Path

from saliency.experiment.config import file_columns, made_places
from saliency.experiment.plan import Plan
from saliency.files.members import split_member
from saliency.files.network_files import stored_in
from saliency.files.paths import fingerprint, made_by_rule, resolve
from saliency.files.remote import is_remote
from saliency.files.stores import stored_fingerprint
from saliency.files.weights_files import weights_files
from saliency.readers.reader import Reader
from saliency.readers.registered import reader_of
from saliency.readers.remote import remote_file

MADE = "made by a rule"


class Sources:
    """What rules make of an experiment's sources, and from what.

    Parameters
    ----------
    plan
        The experiment.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config = plan, plan.config
        self._of_samples: dict[str, str] = {}
        self._of_containers: dict[tuple[str, Path], str] = {}
        self._made_names: dict[str, bool] = {}
        self._places = made_places(self.config, plan.root)

    def _made(self, path: Path) -> Path | None:
        return made_by_rule(path, self._places)

    def _is_made(self, name: str) -> bool:
        """Whether a rule makes a file that the manifest names: asked once, for all rules with its shard."""
        if name not in self._made_names:
            self._made_names[name] = self._made(self.plan.path(name)) is not None
        return self._made_names[name]

    def _made_of(self, names: list[str]) -> list[str]:
        made = [self.plan.path(name) for name in names if name and self._is_made(name)]
        # Of samples in a file, rules make the file.
        files = (reader_of(path, self.config["input"]["mode"]).file(path) for path in made)
        return list(dict.fromkeys(str(self._made(file)) for file in files))

    @property
    def made_manifest(self) -> list[str]:
        """The manifest if a rule makes it."""
        made = self._made(self.plan.manifest)
        return [str(made)] if made else []

    def made_files(self, model: str, shard: int) -> list[str]:
        """Files of a shard's samples that rules make; the others are known by their fingerprints."""
        columns = file_columns(self.config, model)
        return self._made_of([name for column in columns for name in self.plan.values(column, shard)])

    def made_masks(self, shard: int) -> list[str]:
        """Masks of a shard's samples that rules make."""
        return self._made_of(self.plan.values("mask", shard) if self.plan.mask_column == "mask" else [])

    def made_weights(self, model: str) -> list[str]:
        """The model's weights if a rule makes them."""
        settings = self.config["models"][model]
        return self._made_checkpoint(stored_in(settings["factory"], settings["weights"]))

    def made_pretrained(self, model: str) -> list[str]:
        """The weights with which the model's training starts, if a rule makes them."""
        return self._made_checkpoint(self.config["models"][model]["train"]["pretrained"])

    def _made_checkpoint(self, name: str | None) -> list[str]:
        made = self._made(resolve(name, self.plan.root)) if name else None
        return [str(made)] if made else []

    def fingerprint(self, path: Path) -> str:
        """Fingerprint of a file that the user keeps; Snakemake itself notices when a rule makes its file again."""
        return MADE if self._made(path) else fingerprint(path)

    def weights_fingerprint(self, path: Path) -> str:
        """Fingerprint of a checkpoint, with those of its parts where it has some."""
        return " ".join(self.fingerprint(part) for part in weights_files(path))

    def sample_fingerprint(self, name: str) -> str:
        """Fingerprint of a sample's file, as the manifest names it, with what reads it."""
        if name not in self._of_samples:
            self._of_samples[name] = self._sample_fingerprint(name)
        return self._of_samples[name]

    def _sample_fingerprint(self, name: str) -> str:
        path = self.plan.path(name)
        reader = reader_of(path, self.config["input"]["mode"])
        found = MADE if self._is_made(name) else self._read_fingerprint(reader, path)
        # What a mode's default read before there were other readers is not read again.
        return f"{found} {reader.name} {reader.version}" if reader.suffixes or reader.version > 1 else found

    def _read_fingerprint(self, reader: Reader, path: Path) -> str:
        """That of a file; of a part of one, which part as well: the file is looked at once for all samples in it."""
        if is_remote(path):
            file = remote_file(path, reader)
            return stored_fingerprint(file) + str(path).removeprefix(str(file))
        if not reader.members or reader.affine:
            return reader.fingerprint(path)
        file, member = split_member(path)
        known = (reader.name, file)
        if known not in self._of_containers:
            self._of_containers[known] = reader.fingerprint(file)
        return f"{self._of_containers[known]} {member}"

    @property
    def patch_sources(self) -> list[str]:
        """Volumes and masks out of which patches are cut."""
        names = self.plan.samples["volume"].unique()
        folders = (resolve(self.config["patches"][kind], Path()) for kind in ("volumes", "masks"))
        return [str(folder / name) for folder in folders for name in names]

    @property
    def patch_files(self) -> list[str]:
        """Patches of all samples, then those of their masks."""
        return self._made_of([*self.plan.columns["path"], *self.plan.columns["mask"]])

    @property
    def demo_files(self) -> list[str]:
        """Pictures of the demos with a planted shortcut."""
        return self._made_of(self.plan.columns["path"])
