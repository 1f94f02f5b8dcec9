# `make template` and `make test` are all that a new checkout needs; both set up .venv first.
# `make publish TO=s3://bucket/prefix` publishes there; without TO, into published/.
PYTHON ?= python3
RUN := .venv/bin
# nginx, for example, is where an ordinary user's PATH does not lead.
export PATH := $(PATH):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Three on two cores, because boots also wait; all tests of a file in one process, because they share its fixtures; the
# files as they are collected, where xdist would leave those with the fewest tests for the end, of which one takes minutes.
PYTEST := $(RUN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

template: .venv/ready ; @$(RUN)/quilt-cfn build && $(RUN)/quilt-cfn check
test: .venv/ready ; @$(PYTEST)
prove: .venv/ready ; @$(PYTEST) -m exhaustive
docs: .venv/ready ; @$(RUN)/quilt-cfn docs --site site/
check: .venv/ready ; @$(RUN)/ruff check . && $(RUN)/ruff format --check . && $(RUN)/mypy
bench: .venv/ready ; @$(RUN)/python -m benchmarks
format: .venv/ready ; @$(RUN)/ruff check --fix . && $(RUN)/ruff format .
release: .venv/ready ; @$(RUN)/quilt-cfn release
publish: .venv/ready ; @$(RUN)/quilt-cfn publish $(TO)
submit: .venv/ready ; @$(RUN)/quilt-cfn marketplace submit
clean: ; @rm -rf .venv build dist *.egg-info

.venv/ready: setup.cfg constraints.txt bin/set-up ; @PYTHON=$(PYTHON) bin/set-up .venv
.PHONY: template test prove docs check bench format release publish submit clean
