"""wildrobot config explain: every key of the schema has an answer, and the answer is what conf/ says."""

import pytest

from wildrobot_exp.commands.main import main
from wildrobot_exp.config.compose import CONF_DIR, load
from wildrobot_exp.config.keys import TYPES
from wildrobot_exp.config.reference import explain_key, settings


@pytest.fixture(scope="module")
def cfg():
  return load(probe=False)


@pytest.mark.parametrize("key", TYPES)
def test_every_key_has_a_meaning_a_type_and_a_place(key: str, cfg):
  lines = explain_key(key, cfg, CONF_DIR)
  assert lines[0] == key
  words = {line.split()[0] for line in lines[1:]}
  section = key in {other.rpartition(".")[0] for other in TYPES}
  assert "type" in words and ({"meaning", "set"} <= words or section)


def test_the_answer_is_what_the_files_say(cfg, capsys):
  place = settings("amp.weight", CONF_DIR)[0]
  text = (CONF_DIR.parent / place.file).read_text().splitlines()[place.line - 1]
  assert text.startswith("weight: 1.0") and place.comment in text
  assert main(["config", "explain", "amp.weight", "amp.weight=0.3"]) == 0
  out = capsys.readouterr().out
  assert place.comment in out and "0 or greater" in out and "a number" in out
  assert "value     0.3" in out and f"{place.file}:{place.line}  (1.0)" in out


def test_choices_and_registered_names_are_listed(cfg):
  assert "lsgan, bce, wgan" in "\n".join(explain_key("amp.loss.name", cfg, CONF_DIR))
  assert "track_vx" in "\n".join(explain_key("reward.terms", cfg, CONF_DIR))


def test_a_term_s_parameter_is_explained_by_its_term(cfg):
  lines = "\n".join(explain_key("reward.terms.track_vx.sigma", cfg, CONF_DIR))
  assert "near the command" in lines and "0.05" in lines


def test_a_misspelled_key_is_refused_with_the_nearest(capsys):
  assert main(["config", "explain", "amp.wieght"]) == 2
  assert "did you mean 'amp.weight'" in capsys.readouterr().err


EXPLAINED = {
  "hydra.launcher.n_jobs": ("jobs side by side", "a whole number", "1 with hydra/launcher=processes"),
  "hydra.run.dir": ("the run folder", "conf/config.yaml:"),
  "hydra/launcher": ("processes", "vmap"),
  "amp/loss": ("lsgan", "amp/loss=OPTION", "Wasserstein"),
  "experiment": ("verify", "Is the whole pipeline wired up?"),
  "reward.terms.track_vx.sigma": ("a number", "greater than 0"),
  "reward.terms.alive.weight": ("a number", "0 or greater"),
  "env.terminations.fallen.min_height": ("a number", "0 or greater, below"),
  "gates.survival.min": ("a number",),
}
UNKNOWN = {
  "reward.terms.nope": "unknown name in reward.terms 'nope'",
  "reward.terms.alive.nope": "unknown parameter of reward.terms.alive 'nope'",
  "gates.nope.min": "unknown name in gates 'nope'",
  "gates.survival.mn": "did you mean 'min'",
  "hydra.launcher.n_job": "did you mean 'n_jobs'",
  "hydra.run.dirr": "did you mean 'hydra.run.dir'",
  "amp/los": "unknown key 'amp/los'",
}


@pytest.mark.parametrize("key", EXPLAINED)
def test_what_is_no_key_of_the_schema_is_explained_too(key: str, cfg):
  text = "\n".join(explain_key(key, cfg, CONF_DIR))
  assert [words for words in EXPLAINED[key] if words not in text] == []


@pytest.mark.parametrize("key", UNKNOWN)
def test_a_name_that_nothing_has_is_refused(key: str, capsys):
  assert main(["config", "explain", key]) == 2
  assert UNKNOWN[key] in capsys.readouterr().err
