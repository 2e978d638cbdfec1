"""The command line: ``filbert fit FORMULA DATA`` reads a table, fits the model and prints its posterior."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .errors import DataError, FilbertError, FormulaError, PriorError, SettingError
from .messages import give_up_printing, make_printable

if TYPE_CHECKING:
    from .data.tables import Table
    from .regression.regression import Regression

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
PLOT_SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".jpeg")
OUTPUT_SUFFIXES = (".nc", ".nc4", ".netcdf")
SAMPLERS = ("auto", "nuts", "hmc", "independence")
SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
_TABS = ("tab", "\\t")
_MOST_EFFECTS = 40  # rows of the summary that effects of groups may take

# Arguments in the library's messages, and the options that stand for them here.
_OPTIONS: tuple[tuple[str, str], ...] = (
    (r"\bdropna=True\b", "--dropna"),
    (r"\bcategorical=\[('[^']*'|\"[^\"]*\")\]", r"--categorical \1"),
    (r"\bpriors=\{'([^']*)': ([^{}]*)\}", r"--prior '\1=\2'"),
    (r"\b(offset|weights)=(?='|[\s.,;:]|$)", r"--\1 "),
    (r"\b(family|link|sampler)='([^']*)'", r"--\1 \2"),
    (r"`(draws|tune)`", r"--\1"),
    (r"`target_accept`", "--target-accept"),
    (r"\bdraws=(\d+)", r"--draws \1"),
    (r"\binclude_group_effects=True\b", "--group-effects"),
    (r"\bcorrelated=False\b", "--no-correlated"),
    (r"\bextra_namespace=\{[^{}]*\}", r"\g<0> to filbert.Model in Python"),
)
THIRD_PARTIES = ("numpy", "pandas", "formulaic", "xarray", "arviz")


class _OneLineErrors(click.Group):
    """A group of commands that tells any bad input in one line on standard error, with exit status 2."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        kwargs["standalone_mode"] = False
        make_printable()
        try:
            status = super().main(*args, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(BAD_INPUT)
        except click.ClickException as error:
            _say_error(error.format_message())
            sys.exit(BAD_INPUT)
        except FilbertError as error:
            # A formula's message has further lines, which mark the place.
            _say_error(str(error), keep_lines=isinstance(error, FormulaError))
            sys.exit(BAD_INPUT)
        except (click.Abort, KeyboardInterrupt):
            _say_error("interrupted before there were draws, so there is nothing to show.")
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.filename is not None:
                raise
            _say_error(give_up_printing(error))
            sys.exit(FAILED)
        sys.exit(status if isinstance(status, int) else 0)


def _show_versions(context: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    from . import _core

    versions = {"filbert": _core.__version__, "Eigen": _core.eigen_version}
    for package in THIRD_PARTIES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    versions["Python"] = ".".join(map(str, sys.version_info[:3]))
    # The draws of a seed depend on it.
    versions["instructions"] = _core.instruction_set()
    width = max(map(len, versions))
    for name, number in versions.items():
        click.echo(f"{name:<{width}}  {number}")
    context.exit()


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show the versions of filbert and of what it stands on, and exit.",
)
def main() -> None:
    """Bayesian regression: a formula and a table in, the posterior out."""


@main.command(context_settings={"show_default": True})
@click.argument("formula")
@click.argument("data", metavar="DATA", required=False)
@click.option("--sql", metavar="QUERY", help="Take the rows that a query of DuckDB gives, in place of DATA.")
@click.option("--database", metavar="FILE", help="The DuckDB file that the query reads; it may read other files.")
@click.option(
    "--family",
    default="gaussian",
    metavar="NAME",
    help="Family of the response: gaussian, bernoulli, binomial, poisson, negativebinomial, t, gamma, exponential, "
    "lognormal, beta or beta_binomial.",
)
@click.option("--link", metavar="NAME", help="Link of the family, such as probit.  [default: the family's first]")
@click.option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    default="auto",
    help="nuts; hmc or independence (Metropolis) of other families and with groups; auto takes what a pilot says.",
)
@click.option("--draws", type=click.IntRange(min=1), default=1000, help="Draws of each chain, after the warm-up.")
@click.option(
    "--tune",
    type=click.IntRange(min=0),
    help="Warm-up iterations of each chain by NUTS.  [default: 1000 for gaussian models, 200 with groups, 150 for "
    "others]",
)
@click.option("--chains", type=click.IntRange(min=1), default=4, help="Number of chains.")
@click.option("--cores", type=click.IntRange(min=1), help="Chains that run at once.  [default: all processors]")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same draws.")
@click.option("--target-accept", type=SHARE, default=0.8, help="Acceptance rate that the step size is tuned to.")
@click.option(
    "--prior",
    "priors",
    multiple=True,
    metavar="TERM=PRIOR",
    help="A prior, such as 'mom_iq=Normal(0, 2)' or 'sigma=HalfCauchy(10)'; 'common' is all terms; 'nu=4' fixes an "
    "auxiliary parameter. Of groups: '1|g=Normal(0, sigma=HalfNormal(2))' or '1|g_sigma=HalfNormal(2)', "
    "'g_corr=LKJCorr(4)'; 'group_specific' is all effects. Repeatable.",
)
@click.option(
    "--correlated/--no-correlated",
    default=True,
    help="Whether effects of (x | g) have correlations, as in lme4; those of (x || g) have none.",
)
@click.option(
    "--group-effects/--no-group-effects",
    default=True,
    help=f"Whether the draws have the effects of each group. The summary has them if they are at most {_MOST_EFFECTS}.",
)
@click.option("--weights", metavar="COLUMN", help="Column of weights: a row of weight w counts as w rows.")
@click.option("--offset", metavar="COLUMN", help="Column added to the mean with coefficient one.")
@click.option(
    "--categorical", multiple=True, metavar="COLUMN", help="A column of numbers to treat as a factor. Repeatable."
)
@click.option(
    "--sep", metavar="CHARACTER", help="What separates columns, such as ';' or tab.  [default: by the file's name]"
)
@click.option("--dropna", is_flag=True, help="Leave out rows with missing values.")
@click.option(
    "--center/--no-center",
    default=True,
    help="Whether the intercept's prior is about the mean response at the predictor means.",
)
@click.option(
    "--hdi-prob",
    type=SHARE,
    default=0.94,
    help="Probability of the interval in the summary.",
)
@click.option("-o", "--output", metavar="FILE.nc", help="Write the draws to this netCDF file, which ArviZ reads.")
@click.option("--plot", metavar="FILE.png", help="Draw traces, and the regression for one predictor (png, pdf or svg).")
@click.option("-q", "--quiet", is_flag=True, help="Print the summary and warnings only.")  # fmt: skip
def fit(**options: Any) -> int:
    """Fit FORMULA to the table in DATA and print the posterior.

    DATA is a CSV file (also compressed; .tsv for tabs), a Parquet file (.parquet), a Feather file (.feather), a quoted
    pattern of several such as "sales-*.csv", or - for CSV from standard input; --sql takes its place.

    Successes among trials are written p(y, n), the level that counts as a success y['yes']. Terms in brackets have
    effects of each group: (1 | g), (x | g), (x || g), (1 | g/h). Put the formula and priors in quotation marks.

    Examples: filbert fit "kid_score ~ mom_iq + mom_hs" kidiq.csv --plot kidiq.png;
    filbert fit "claims ~ age + offset(log(holders))" insurance.csv --family poisson;
    filbert fit "reaction ~ days + (days | subject)" sleepstudy.csv
    """
    with _messages_on_stderr(quiet=options["quiet"]):
        return _fit(**options)


def _fit(formula: str, data: str | None, quiet: bool, output: str | None, plot: str | None, **options: Any) -> int:
    """Fit, print, write. What can be refused is refused before sampling; the summary is out before files are."""
    priors = _read_priors(options["priors"])
    _check_writable(output, "--output", OUTPUT_SUFFIXES)
    _check_writable(plot, "--plot", PLOT_SUFFIXES)
    table = _table(data, _separator(options["sep"]), options["sql"], options["database"])
    _check_separator(table, formula, options["sep"])
    from .model import Model

    model = Model(
        formula,
        table,
        family=options["family"],
        priors=priors,
        link=options["link"],
        categorical=list(options["categorical"]) or None,
        dropna=options["dropna"],
        center_predictors=options["center"],
        weights=options["weights"],
        offset=options["offset"],
        correlated=options["correlated"],
    )
    if not quiet:
        click.echo(f"{model}\n")
    idata = model.fit(
        draws=options["draws"],
        tune=options["tune"],
        chains=options["chains"],
        cores=options["cores"],
        sampler=options["sampler"],
        target_accept=options["target_accept"],
        random_seed=options["seed"],
        progressbar=not quiet and sys.stderr.isatty(),
        include_group_effects=options["group_effects"],
    )
    try:
        _print_posterior(idata, model.regression, options["hdi_prob"])
        printed = True
    except BrokenPipeError:
        raise  # `| head` has seen enough
    except OSError as error:
        _say_error(give_up_printing(error))
        printed = False
    saved = _write(output, lambda path: _save(idata, path))
    drawn = _write(plot, lambda path: _draw(idata, model.regression, path))
    return 0 if printed and saved and drawn else FAILED


def _print_posterior(idata: Any, regression: Regression, hdi_prob: float) -> None:
    """Print the summary, of many effects of groups their number only."""
    from .regression.names import stored_name
    from .results.container import container, posterior_group
    from .results.report import print_summary
    from .results.summary import summary

    posterior = posterior_group(idata)
    effects = [name for effect in regression.effects if (name := stored_name(effect.name)) in posterior]
    number = sum(effect.rows.size for effect in regression.effects)
    if effects and number > _MOST_EFFECTS:
        idata = container({"posterior": posterior.drop_vars(effects)})
    print_summary(summary(idata, hdi_prob=hdi_prob), posterior.sizes["chain"], sys.stdout)
    if effects and number > _MOST_EFFECTS:
        click.echo(f"\nThe {number} effects of groups are not shown; --output keeps their draws.")
    sys.stdout.flush()


def _save(idata: Any, path: str) -> None:
    from .storage.netcdf import to_netcdf

    to_netcdf(idata, path)


def _draw(idata: Any, regression: Regression, path: str) -> None:
    from .plots import plot_fit
    from .storage.atomic import replacing

    picture = io.BytesIO()  # a picture that cannot be drawn leaves no file, and one that does not fit no half of it
    plot_fit(idata, regression).savefig(picture, format=Path(path).suffix[1:].lower())
    with replacing(path) as file:
        file.write(picture.getbuffer())


def _write(path: str | None, action: Callable[[str], object]) -> bool:
    """Write a file after the summary was printed; a failure is told in one line and returns False."""
    if path is None:
        return True
    try:
        action(path)
    except KeyboardInterrupt:
        _say_error(f"interrupted, so {path} was not written.")
        sys.exit(INTERRUPTED)
    except Exception as error:  # whatever a library raises, the summary has been printed
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        _say_error(f"{path} could not be written: {reason.rstrip('.')}.")
        return False
    return True


def _check_writable(path: str | None, option: str, suffixes: Sequence[str]) -> None:
    """Refuse a file that could not be written later."""
    if path is None:
        return
    if Path(path).suffix.lower() not in suffixes:
        raise SettingError(f"{option} {path}: the name must end in one of {' '.join(suffixes)}.")
    from .storage.atomic import check_writable

    try:
        check_writable(path)
    except OSError as error:
        raise SettingError(f"{option} {path} cannot be written: {error.strerror}.") from None


def _separator(text: str | None) -> str | None:
    if text is None or len(text) == 1:
        return text
    if text.lower() not in _TABS:
        raise SettingError(f"--sep {text!r}: give one character, such as ';', or tab.")
    return "\t"


def _table(path: str | None, separator: str | None, sql: str | None, database: str | None) -> Table:
    """Return how to read a file, in parts if it is large and its separator is the usual one, or a query's rows."""
    if sql is not None and path is None:
        from .data.databases import query

        return query(sql, database)
    if path is None or sql is not None:
        raise SettingError(
            "DATA and --sql both say what to read: leave one out."
            if path
            else "Missing argument 'DATA': name a file, or pass --sql."
        )
    if database is not None:
        raise SettingError("--database goes with --sql, which says what to read of it.")
    from .data.files import read_table
    from .data.streams import Stream, table_or_stream
    from .data.tables import table_of

    if path != "-" and separator is None and isinstance(stream := table_or_stream(path), Stream):
        return stream
    return table_of(read_table(path, sys.stdin.buffer, separator))


def _check_separator(table: Table, formula: str, separator: str | None) -> None:
    """Refuse a table that was read as one column although its name is a list of names."""
    if separator is not None or len(table.names) != 1:
        return
    name = str(table.names[0])
    for character, option in {";": "';'", "\t": "tab", "|": "'|'"}.items():
        if character in name and name not in formula:
            raise DataError(
                f"The data have one column, {name!r}: they seem to be separated by {option}. Pass --sep {option}."
            )


def _read_priors(texts: Sequence[str]) -> dict[str, Any]:
    from .priors.text import read_prior

    priors: dict[str, Any] = {}
    for text in texts:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        try:
            term, prior = _read_number(text) or read_prior(text)
        except FilbertError as error:
            raise PriorError(f"--prior {shown!r}: {error}") from None
        if "".join(term.split()) in ("".join(other.split()) for other in priors):
            raise PriorError(f"--prior {shown!r}: there is another prior for {term!r} already.")
        priors[term] = prior
    return priors


def _read_number(text: str) -> tuple[str, float] | None:
    """Read "nu=4", which fixes an auxiliary parameter."""
    term, _, number = text.rpartition("=")
    try:
        return (term.strip(), float(number)) if term.strip() else None
    except ValueError:
        return None


@contextlib.contextmanager
def _messages_on_stderr(*, quiet: bool) -> Iterator[None]:
    """Show each warning as one line on standard error, and what the fit logs unless `quiet`."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        click.echo(f"Warning: {' '.join(_in_options(str(message)).split())}", err=True)

    logger = logging.getLogger("filbert")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = show
        try:
            if quiet:
                logger.setLevel(logging.WARNING)
            yield
        finally:
            logger.setLevel(level)


def _in_options(message: str) -> str:
    """Return a message of the library with its arguments as the options of this program."""
    for argument, option in _OPTIONS:
        message = re.sub(argument, option, message)
    return message


def _say_error(message: str, *, keep_lines: bool = False) -> None:
    message = _in_options(message)
    click.echo(f"Error: {message if keep_lines else ' '.join(message.split())}", err=True)


if __name__ == "__main__":
    main()
