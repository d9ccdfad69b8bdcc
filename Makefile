# `make demo` and `make test` work from a clean clone: both create .venv through `make install`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Where the demo writes; open $(DEMO)/index.html afterwards.
DEMO   ?= demo
# Extra arguments for pytest, e.g. make test PYTEST_ARGS="-m 'not slow'"
PYTEST_ARGS ?=

# Tests start many processes, which should find compiled modules even where the environment tells Python not to keep them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test lint types tests browser bench clean

install: $(VENV)/.installed

# Python compiles a module when it is first imported: compiling all of torch in advance takes as long as installing it.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[synth]"
	touch $@

# Tests need another package that adds methods, tasks, encoders and kinds of store through its entry points.
$(VENV)/.installed-dev: $(VENV)/.installed tests/outside_package/pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[dev,dask]" --editable tests/outside_package
	@$(MAKE) --no-print-directory browser
	touch $@

# The leaderboard's page is tested in a real Chromium: that of the system, installed on Debian where root may do so. A
# machine without one skips those tests, and fails them in CI.
browser:
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
	|| echo "no Chromium found, so the tests of the leaderboard's page are skipped; install chromium or google-chrome"

demo: install
	$(BIN)/hcmoco-bench demo --out $(DEMO)

test: lint types tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy --num-workers 2

tests: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
