using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli;
using Clinker.Cli.Commands;
using Xunit;

namespace Clinker.Tests.Cli;

public sealed class WaitingTests : IDisposable
{
    readonly Run run = new();

    public void Dispose() => run.Dispose();

    async Task<JsonObject?> Wait(string?[] statuses, Func<string?, bool> settled, bool terminal = false, string? reason = null, params string[] more)
    {
        var command = new Command("create");
        var waiting = new Waiting(command, run.Terminal with { ErrorIsTerminal = terminal }) { Why = _ => Task.FromResult(reason) };
        var at = 0;
        return await waiting.Until(command.Parse(["--wait", .. more]), "volume v", () =>
        {
            var status = statuses[Math.Min(at++, statuses.Length - 1)];
            return Task.FromResult(status is null ? null : new JsonObject { ["status"] = status });
        }, settled, CancellationToken.None);
    }

    [Fact]
    public async Task Each_change_is_a_line()
    {
        Assert.Equal("available", (string?)(await Wait(["creating", "creating", "available"], s => s == "available"))?["status"]);
        Assert.Equal("volume v: creating\nvolume v: available\n", run.Error);
    }

    [Fact]
    public async Task On_a_terminal_one_line_is_drawn_over()
    {
        Assert.Null(await Wait(["deleting", null], s => s is null, terminal: true));
        Assert.Matches(@"\A\rvolume v: deleting \(0\.\d s\)\rvolume v: gone \(0\.\d s\) *\n\z", run.Error);
    }

    [Fact]
    public async Task An_error_ends_it_with_the_reason() =>
        Assert.Equal("volume v went to status error. No room.",
            (await Assert.ThrowsAsync<CliFault>(() => Wait(["creating", "error"], s => s == "available", reason: "No room."))).Message);

    [Fact]
    public async Task What_vanishes_while_it_is_made_is_an_error() =>
        Assert.Contains("gone", (await Assert.ThrowsAsync<CliFault>(() => Wait(["creating", null], s => s == "available"))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task The_time_is_up_after_the_timeout() =>
        Assert.Contains("still creating", (await Assert.ThrowsAsync<CliFault>(
            () => Wait(["creating"], s => s == "available", more: ["--timeout", "0"]))).Message, StringComparison.Ordinal);
}
