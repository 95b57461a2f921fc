"""Runs a Pulumi program in a process of its own, started by the language host.

Its command line is that of the official `pulumi-language-python-exec`. It runs with the project's own virtualenv, so it
imports nothing but the SDK. Exit codes: 0; 1 for `pulumi.RunError`; 32 when an error message was already shown.
"""

import sys

# Python put this file's folder first; its siblings (tls, command) must not shadow modules of the program.
del sys.path[0]

import argparse  # noqa: E402
import asyncio  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
import traceback  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402

try:
    import pulumi
    import pulumi.runtime
except ImportError:
    traceback.print_exc()
    print(
        "\nIt looks like the Pulumi SDK has not been installed. Have you run pip install?\nIf you are running in a "
        "virtualenv, you must run pip install -r requirements.txt from inside the virtualenv.",
        file=sys.stderr,
    )
    sys.exit(1)

MESSAGE_SHOWN = 32


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a Pulumi program for the language host")
    names = (
        "project",
        "root_directory",
        "stack",
        "parallel",
        "dry_run",
        "pwd",
        "monitor",
        "engine",
        "tracing",
        "organization",
    )
    for name in names:
        parser.add_argument(f"--{name}")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs="*")
    return parser.parse_args()


def _configure(arguments: argparse.Namespace) -> int:
    """Hand configuration and settings to the SDK and return the degree of parallelism."""
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    parallel = int(arguments.parallel)
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=arguments.monitor,
            engine=arguments.engine,
            project=arguments.project,
            stack=arguments.stack,
            parallel=parallel,
            dry_run=arguments.dry_run == "true",
            organization=arguments.organization,
            root_directory=arguments.root_directory,
        )
    )
    return parallel


def _main_module(path: str) -> str:
    return os.path.abspath(path if path.endswith(".py") else os.path.join(path, "__main__.py"))  # noqa: PTH100, PTH118


def _user_traceback(error: BaseException, program: str) -> str:
    """Format `error` from the program's own first frame on, or whole if no frame is the program's."""
    frames = traceback.extract_tb(error.__traceback__)
    for index, frame in enumerate(frames):
        if _main_module(frame.filename) == program:
            return "".join(traceback.format_exception(error, limit=index - len(frames)))
    return "".join(traceback.format_exception(error))


def _is_program_missing(error: ImportError) -> bool:
    """Tell whether `runpy` itself found no `__main__`, as against an import failing inside the program."""
    files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    return files <= {__file__, runpy.__file__, "<frozen runpy>"}


def main() -> int:
    """Run the program and return the exit code."""
    arguments = _arguments()
    parallel = _configure(arguments)
    sys.argv = [arguments.program, *arguments.arguments]
    if arguments.pwd is not None:
        os.chdir(arguments.pwd)
    program = _main_module(arguments.program)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(parallel, 1) * 4)
    loop.set_default_executor(executor)
    # When a program fails, the SDK leaves futures nobody awaits; asyncio would complain about each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        try:
            runpy.run_path(arguments.program, run_name="__main__")
        except ImportError as error:
            if not _is_program_missing(error):
                raise
            folder = Path(program).parent
            pulumi.log.error(f"unable to find main python program `__main__.py` in `{folder}`")
            sys.exit(MESSAGE_SHOWN)

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001  whatever the program raised is shown to the user
        pulumi.log.error(f"Program failed with an unhandled exception:\n{_user_traceback(error, program)}")
        return MESSAGE_SHOWN
    else:
        return 0
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
