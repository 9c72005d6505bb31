"""The rules of the code's structure, read from the code itself."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.template import RESOURCES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "easel"
LINES_MAX, FUNCTION_LINES_MAX, HANDLER_LINES_MAX = 400, 40, 60
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "shared", "misc", "base_utils", "lib"}
PARTS = ("client", "functions", "layers/easel/easel", "local", "tests")


@dataclass(frozen=True)
class Module:
    """One source file and the name by which it is imported."""

    name: str
    path: Path

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def part(self) -> str:
        """What the arrows are about: `steps` for `easel.steps.poll`, `functions` for a handler."""
        names = self.name.split(".")
        return names[1] if names[0] == "easel" and len(names) > 1 else names[0]

    def imports(self) -> Iterator[str]:
        """Every module that is imported, anywhere in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name} imports relatively"
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield whole if whole in NAMES else str(node.module)


def modules(folder: Path, package: str) -> list[Module]:
    found = []
    for path in sorted((folder / package).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found.append(Module(".".join(parts).removesuffix(".__init__"), path))
    return found


EASEL = modules(PACKAGE, "easel")
FUNCTIONS = modules(ROOT, "functions")
DEPLOYED = EASEL + FUNCTIONS
CLIENT = modules(ROOT / "client", "easel_client")
OURS = DEPLOYED + CLIENT
NAMES = {module.name for module in DEPLOYED}
HANDLERS = [module for module in FUNCTIONS if module.name.endswith(".handler")]

# What each part may import of ours. Whatever is not listed is a wrong arrow.
ARROWS: Mapping[str, set[str]] = {
    "easel": set(),
    "errors": set(),
    "wire": set(),
    "domain": {"domain", "errors"},
    "vendors": {"vendors", "domain", "errors", "wire"},
    "catalogue": {"vendors", "domain", "errors"},
    "ports": {"domain", "wire"},
    "transport": {"ports", "errors", "wire"},
    "public_http": {"domain", "errors", "wire"},
    "signatures": {"errors"},
    "webhook_ports": {"domain", "wire"},
    "key_ports": {"domain"},
    "sandbox": {"catalogue", "vendors", "domain", "errors", "ports", "wire"},
    "settings": {"errors"},
    "vendor_settings": {"catalogue", "domain", "errors", "routing", "sandbox"},
    "snapshot": set(),
    "aws": {"aws", "ports", "key_ports", "domain", "errors", "snapshot"},
    "routing": {"catalogue", "domain", "errors"},
    "plain": {"domain"},
    "receipt": {"domain", "plain"},
    "view": {"domain", "errors", "plain", "receipt"},
    "attempt_log": {"domain", "plain", "receipt"},
    "batch_view": {"domain", "plain"},
    "gallery": set(),
    "step_input": {"domain"},
    "events_in": {"domain", "step_input"},
    "intake_events": {"domain"},
    "steps": {
        "steps", "routing", "plain", "view", "batch_view", "gallery", "catalogue", "vendors", "domain",
        "errors", "key_ports", "ports", "signatures", "webhook_ports", "wire",
    },
    "doors": {
        "doors", "steps", "routing", "plain", "view", "attempt_log", "batch_view", "catalogue", "domain",
        "errors", "openapi", "ports", "signatures",
    },
    "openapi": {"openapi", "catalogue", "domain", "errors", "steps", "view"},
    "runtime": {"aws", "settings", "snapshot"},
    "wiring": {
        "wiring", "runtime", "aws", "catalogue", "domain", "errors", "ports", "public_http", "routing",
        "sandbox", "steps", "settings", "signatures", "transport", "vendor_settings",
    },
    "entrance": {"entrance", "runtime", "wiring", "aws", "doors", "settings", "steps", "vendor_settings"},
    "functions": {
        "runtime", "wiring", "entrance", "steps", "doors", "events_in", "intake_events", "step_input",
        "domain", "errors",
    },
}  # fmt: skip
# What each part may import of others, beside the standard library.
THIRD_PARTIES: Mapping[str, set[str]] = {
    "domain": {"pydantic"},
    "vendors": {"pydantic"},
    "step_input": {"pydantic"},
    "events_in": {"pydantic"},
    "intake_events": {"pydantic"},
    "transport": {"urllib3"},
    "signatures": {"cryptography"},
    "snapshot": {"snapshot_restore_py"},
    "aws": {"boto3", "botocore", "pydantic"},
    "doors": {"aws_lambda_powertools", "mcp", "mcp_types", "pydantic"},
    "openapi": {"pydantic"},
    "runtime": {"aws_lambda_powertools"},
    "functions": {"aws_lambda_powertools"},
}
NOT_PURE = {
    "asyncio", "datetime", "http", "io", "logging", "os", "pathlib", "random", "secrets", "socket", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip


def is_ours(name: str) -> bool:
    return name in NAMES or name.split(".")[0] in ("easel", "functions")


def all_files() -> Iterator[Path]:
    for part in PARTS:
        yield from (path for path in sorted((ROOT / part).rglob("*.py")) if "__pycache__" not in path.parts)


def named(module: Module) -> str:
    return module.name


@pytest.mark.parametrize("module", DEPLOYED, ids=named)
def test_arrows_point_one_way(module: Module) -> None:
    ours = [Module(name, module.path).part for name in module.imports() if is_ours(name)]
    wrong = set(ours) - ARROWS[module.part]
    assert not wrong, f"{module.name} must not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("module", DEPLOYED, ids=named)
def test_each_part_imports_only_the_libraries_that_it_stands_for(module: Module) -> None:
    foreign = {name.split(".")[0] for name in module.imports() if not is_ours(name)}
    wrong = foreign - sys.stdlib_module_names - THIRD_PARTIES.get(module.part, set())
    assert not wrong, f"{module.name} must not import {', '.join(sorted(wrong))}"


def test_client_imports_nothing_of_what_is_deployed_and_few_libraries() -> None:
    assert len(CLIENT) > 30
    for module in CLIENT:
        libraries = {"easel_client", "rich", "typer", "urllib3"}
        if module.name == "easel_client.command.doctor_aws":
            libraries |= {"boto3", "botocore"}
        roots = {name.split(".")[0] for name in module.imports()} - sys.stdlib_module_names
        assert roots <= libraries, module.name
        in_command = module.name.startswith("easel_client.command")
        assert in_command or not roots & {"rich", "typer"}, module.name
        assert in_command or not any("command" in name for name in module.imports()), module.name


def test_vendor_knows_no_other_vendor() -> None:
    shared = {"easel.vendors.base", "easel.vendors.bodies"}
    vendors = [module for module in EASEL if module.part == "vendors" and module.name not in shared]
    assert len(vendors) > 4
    for module in vendors:
        others = {name for name in module.imports() if name.startswith("easel.vendors.")} - shared
        assert not others, module.name


def test_steps_know_the_adapters_interface_and_no_adapter() -> None:
    steps = [module for module in EASEL if module.part == "steps"]
    vendors = {name for module in steps for name in module.imports() if name.startswith("easel.vendors")}
    assert vendors == {"easel.vendors.base"}


def test_nothing_deployed_imports_the_local_stack_or_the_tests() -> None:
    for module in DEPLOYED:
        roots = {name.split(".")[0] for name in module.imports()}
        assert not roots & {"local", "tests"}, module.name


def test_only_the_transport_imports_urllib3() -> None:
    using = {
        module.name for module in DEPLOYED for name in module.imports() if name.split(".")[0] == "urllib3"
    }
    assert using == {"easel.transport"}


def test_only_the_function_that_has_its_layer_imports_the_mcp_library() -> None:
    using = {
        module.name
        for module in DEPLOYED
        for name in module.imports()
        if name.split(".")[0] in ("mcp", "mcp_types")
    }
    assert using == {"easel.doors.mcp"}
    importing = {module.name for module in DEPLOYED if using & set(module.imports())}
    assert importing == {"functions.mcp.handler"}


def test_adapters_and_their_words_are_pure() -> None:
    for module in EASEL:
        if module.part in ("vendors", "wire", "catalogue"):
            impure = {name for name in module.imports() if name in NOT_PURE}
            assert not impure, module.name
            assert not list(calls_of(module, "open")), module.name


def calls_of(module: Module, *names: str) -> Iterator[ast.Call]:
    """Calls of a function by its plain name or as an attribute of the module `time`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            function = node.func
            plain = isinstance(function, ast.Name) and function.id in names
            if plain or (isinstance(function, ast.Attribute) and ast.unparse(function) in names):
                yield node


def test_time_passes_only_in_the_runtimes_clock() -> None:
    sleeping = [module.name for module in DEPLOYED for _ in calls_of(module, "time.sleep", "sleep")]
    assert sleeping == ["easel.runtime"]
    for module in DEPLOYED:
        for node in ast.walk(module.tree):
            imported = isinstance(node, ast.ImportFrom) and node.module == "time"
            assert not imported or "sleep" not in ast.unparse(node), module.name


def test_nothing_is_imported_by_a_name_made_at_run_time() -> None:
    for module in DEPLOYED:
        assert not list(calls_of(module, "__import__", "importlib.import_module", "import_module")), (
            module.name
        )


IMPORT_ALL = """
import importlib, os, socket, sys
import boto3, botocore.session, urllib3

os.environ.clear()
sys.path[:0] = sys.argv[1].split(os.pathsep)

def refuse(*_args, **_keywords):
    raise SystemExit("a client was built, or a connection opened, by an import")

botocore.session.Session.create_client = refuse
boto3.client = boto3.resource = boto3.session.Session.client = refuse
urllib3.PoolManager.__init__ = refuse
socket.socket.connect = refuse
for name in sys.argv[2:]:
    importlib.import_module(name)
print(len(sys.argv) - 2)
"""


def test_every_module_imports_with_an_empty_environment_and_builds_no_client() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, os.pathsep.join(sys.path), *sorted(NAMES)],
        env={}, cwd="/", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(len(NAMES))


def test_no_file_is_longer_than_a_reader_takes_in_at_a_sitting() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in all_files()
    }
    assert len(lengths) > 50
    assert {path: length for path, length in lengths.items() if length > LINES_MAX} == {}


def test_functions_fit_on_a_screen() -> None:
    long = {}
    for module in OURS:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and not holds_functions(node):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    long[f"{module.name}.{node.name}"] = length
    assert long == {}


def holds_functions(node: ast.FunctionDef) -> bool:
    """A function that is a list of functions, such as a router, is read function by function."""
    return any(isinstance(inner, ast.FunctionDef) for inner in node.body)


def test_files_are_named_after_what_they_hold() -> None:
    for path in all_files():
        parts = set(path.relative_to(ROOT).with_suffix("").parts)
        assert not parts & EMPTY_NAMES, path


def test_package_files_hold_a_docstring_at_most() -> None:
    packages = [path for path in all_files() if path.name == "__init__.py" and path != CLIENT[0].path]
    assert packages
    for path in packages:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        rest = body[1:] if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) else body
        assert not rest, path


def test_clients_package_is_its_face_and_holds_nothing_of_its_own() -> None:
    face = CLIENT[0]
    assert face.name == "easel_client"
    assert all(isinstance(node, ast.ImportFrom) for node in face.tree.body[1:])
    assert all(name.startswith("easel_client.") for name in face.imports())


def test_every_module_class_and_function_that_is_public_says_what_it_is() -> None:
    silent = []
    for module in OURS:
        for name, node in public_definitions(module):
            if not ast.get_docstring(node):
                silent.append(f"{module.name}.{name}")
    assert silent == []


Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def public_definitions(module: Module) -> Iterator[tuple[str, Documented]]:
    """The module, its public classes and functions, and the public methods of its public classes."""
    tree = module.tree
    yield "", tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def test_there_is_a_handler_for_each_function_and_nothing_else_in_its_folder() -> None:
    functions = {
        name.removesuffix("Function").lower()
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert len(functions) > 10
    assert {module.name for module in HANDLERS} == {f"functions.{name}.handler" for name in functions}
    for module in HANDLERS:
        assert [path.name for path in module.path.parent.iterdir() if path.suffix == ".py"] == ["handler.py"]


@pytest.mark.parametrize("module", HANDLERS, ids=named)
def test_handler_is_short_and_imports_only_easel(module: Module) -> None:
    assert len(module.path.read_text(encoding="utf-8").splitlines()) <= HANDLER_LINES_MAX
    roots = {name.split(".")[0] for name in module.imports()} - sys.stdlib_module_names
    assert roots <= {"easel", "aws_lambda_powertools"}
    assert ("easel" in roots) != (module.name == "functions.console.handler")  # which serves files alone
    functions = [node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)]
    assert "handler" in functions


def test_errors_are_never_swallowed() -> None:
    for module in OURS:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler):
                kind = ast.unparse(node.type) if node.type else ""
                raised_on = isinstance(node.body[-1], ast.Raise)
                assert raised_on or kind not in ("", "Exception", "BaseException"), module.name
                assert not all(isinstance(line, ast.Pass) for line in node.body), module.name


@pytest.mark.parametrize("name", ["easel.errors", "easel_client.errors"])
def test_tree_of_errors_is_drawn_as_it_is(name: str) -> None:
    errors = next(module for module in OURS if module.name == name)
    drawn = ast.get_docstring(errors.tree) or ""
    classes = {node.name for node in errors.tree.body if isinstance(node, ast.ClassDef)} - {
        "FieldProblem",
        "ReachedLimit",
    }
    assert len(classes) > 14
    for one in classes:
        assert one in drawn, one
        assert one.endswith("Error")
