"""`aggregator completion`: what a shell needs to complete our commands and options."""

from __future__ import annotations

import click

from aggregator.cli import Command

_VARIABLE = "_AGGREGATOR_COMPLETE"


@click.command(
    "completion",
    cls=Command,
    examples=[
        ("completion bash > ~/.local/share/bash-completion/completions/aggregator", "for bash, from the next shell on"),
        ("completion zsh > ~/.zfunc/_aggregator", "for zsh, where ~/.zfunc is in fpath"),
        ("completion fish > ~/.config/fish/completions/aggregator.fish", "for fish"),
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """
    Print the script by which a shell completes commands, options and the ids of sources.

    Ids come from the feeds.yaml that a command without --config would take.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - needed here only

    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - click knows the three that are offered
    click.echo(script(ctx.find_root().command, {}, "aggregator", _VARIABLE).source())
    return 0
