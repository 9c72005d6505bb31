"""Where pictures are written: `--output` as a file, a folder or a pattern."""

import re
import string
from dataclasses import dataclass
from pathlib import Path

from easel_client.answers import Generation, Image
from easel_client.errors import InputError
from easel_client.files import numbered, safe_name, with_extension

SLUG_CHARACTERS, SLUG_BYTES = 40, 100
FIELDS = ("slug", "id", "n", "model", "seed", "ext")
USUAL = "{slug}-{id}.{ext}"


@dataclass(frozen=True, slots=True)
class Output:
    """Where to. `text` is as a person wrote it: None is the current folder."""

    text: str | None
    force: bool = False

    def check(self, pictures: int) -> None:
        """Before anything is bought: raises InputError where a file is there already, or no folder can be."""
        if self._pattern:
            self._check_fields()
            return
        folder = self._folder or Path(self.text or ".").parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"There can be no folder {folder}: {error.strerror}.") from error
        if self._folder is None and not self.force:
            for number in range(1, pictures + 1):
                self._check_free(numbered(Path(str(self.text)), number))

    def path(self, generation: Generation, image: Image) -> Path:
        """The file of a picture."""
        pattern = self._pattern
        if self._folder is not None:
            pattern = str(self._folder).replace("{", "{{").replace("}", "}}") + "/" + USUAL
        if not pattern:
            return with_extension(numbered(Path(str(self.text)), image.number), image.extension)
        path = Path(
            pattern.format(
                slug=slug(generation.prompt) or "picture",
                id=safe_name(generation.id),
                n=image.number,
                model=safe_name(generation.model),
                seed=safe_name(str(generation.seed)) if generation.seed is not None else "none",
                ext=image.extension,
            )
        )
        return with_extension(path if "{n}" in pattern else numbered(path, image.number), image.extension)

    def save(self, generation: Generation) -> list[Path]:
        """Write every picture; a file that is there is replaced only with `force`. Raises InputError."""
        try:
            return [
                image.save(self.path(generation, image), overwrite=self.force) for image in generation.images
            ]
        except OSError as error:
            why = f"{error.filename or self.text} cannot be written: {error.strerror}."
            kept = f"Easel keeps the picture: easel status {generation.id} --output FILE"
            raise InputError(why, kept) from error

    @property
    def _pattern(self) -> str | None:
        return self.text if self.text and "{" in self.text else None

    @property
    def _folder(self) -> Path | None:
        if self.text is None:
            return Path()
        if self._pattern is None and (self.text.endswith("/") or Path(self.text).is_dir()):
            return Path(self.text)
        return None

    def _check_fields(self) -> None:
        try:
            names = {name for _, name, _, _ in string.Formatter().parse(str(self.text)) if name is not None}
        except ValueError as error:
            raise InputError(f"{self.text!r} is no pattern: {error}.") from error
        if unknown := names - set(FIELDS):
            has = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise InputError(f"A pattern has no {{{min(unknown)}}}.", f"It may have {has}.")

    def _check_free(self, path: Path) -> None:
        if path.exists():
            raise InputError(f"{path} is there already.", "Choose another name, or add --force.")


def slug(text: str) -> str:
    """The text as a part of a file's name: its first words, in small letters, with hyphens between."""
    words = re.findall(r"\w+", text.lower())
    made = ""
    for word in words:
        longer = f"{made}-{word}" if made else word[:SLUG_CHARACTERS]
        if len(longer) > SLUG_CHARACTERS or len(longer.encode()) > SLUG_BYTES:
            break
        made = longer
    return made
