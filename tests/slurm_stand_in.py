"""A stand-in for SLURM on this machine: sbatch, srun, sacct, scancel and scontrol, by the name it is called with.

Each job has a folder in $SLURM_STAND_IN: `state`, `script`, and `step`, the pid of what srun runs. There is no queue,
but while there is a file `full` beside those folders, new jobs are pending. A line per scancel is in `scancel.log`.
install_slurm puts the commands where a PATH can find them.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(os.environ.get("SLURM_STAND_IN", ""))
NAMES = ("sbatch", "srun", "sacct", "scancel", "scontrol")


def install_slurm(folder: pathlib.Path) -> dict[str, str]:
  """Make bin/ and jobs/ in the folder; what the environment needs to find them."""
  for name in ("bin", "jobs"):
    (folder / name).mkdir(parents=True)
  for name in NAMES:
    command = folder / "bin" / name
    command.write_text(f"#!{sys.executable}\n{pathlib.Path(__file__).read_text()}")
    command.chmod(0o755)
  return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "SLURM_STAND_IN": str(folder / "jobs")}


def sbatch(script: str) -> None:
  number = str(100 + len(list(ROOT.iterdir())))
  (ROOT / number).mkdir()
  (ROOT / number / "script").write_text(pathlib.Path(script).read_text())
  (ROOT / number / "state").write_text("PENDING")
  streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
  subprocess.Popen([sys.argv[0], "daemon", number], **streams, start_new_session=True)
  print(f"Submitted batch job {number}")


def daemon(number: str) -> None:
  state = ROOT / number / "state"
  while (ROOT.parent / "full").exists() and state.read_text() == "PENDING":
    time.sleep(0.1)
  while state.read_text() in ("PENDING", "REQUEUED"):
    state.write_text("RUNNING")
    code = subprocess.run(["bash", ROOT / number / "script"], env={**os.environ, "SLURM_JOB_ID": number}).returncode
    if state.read_text() == "RUNNING":
      state.write_text("FAILED" if code else "COMPLETED")


def srun(*arguments: str) -> None:
  rest = list(arguments)
  for descriptor, option in ((1, "--output"), (2, "--error")):
    at = rest.index(option)
    path = rest[at + 1].replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
    del rest[at : at + 2]
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
  rest.remove("--unbuffered")
  (ROOT / os.environ["SLURM_JOB_ID"] / "step").write_text(str(os.getpid()))
  os.execvp(rest[0], rest)


def sacct(*arguments: str) -> None:
  print("JobID|State|NodeList")
  for number in (arguments[i + 1] for i, argument in enumerate(arguments) if argument == "-j"):
    if (ROOT / number).exists():  # else its record was purged
      print(f"{number}|{(ROOT / number / 'state').read_text()}|here")


def scancel(*arguments: str) -> None:
  *options, number = arguments
  with (ROOT.parent / "scancel.log").open("a") as log:
    log.write(f"{' '.join(arguments)}\n")
  state = ROOT / number / "state"
  if state.read_text() == "PENDING" and not options[:1] == ["--signal=INT"]:
    state.write_text("CANCELLED by 0")
  if "--state=PENDING" in options or not (ROOT / number / "step").exists():
    return
  if not options:
    state.write_text("CANCELLED")
  name = options[0].removeprefix("--signal=") if options else "KILL"
  os.kill(int((ROOT / number / "step").read_text()), signal.Signals[f"SIG{name}"])


def scontrol(requeue: str, number: str) -> None:
  (ROOT / number / "state").write_text("REQUEUED")


if __name__ == "__main__":
  command = pathlib.Path(sys.argv[0]).name
  arguments = sys.argv[1:]
  if arguments[:1] == ["daemon"]:
    daemon(arguments[1])
  else:
    dict(zip(NAMES, (sbatch, srun, sacct, scancel, scontrol), strict=True))[command](*arguments)
