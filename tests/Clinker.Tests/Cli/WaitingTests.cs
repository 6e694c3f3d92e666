using System.CommandLine;
using System.Text.Json.Nodes;
using Clinker.Cli;
using Clinker.Cli.Commands;
using Clinker.Cli.Output;
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

    /// <summary>Waits for something that moves four GiB, one at each look.</summary>
    async Task WaitForCopy(bool terminal, string format)
    {
        var command = new Command("create");
        var output = OutputOptions.ForDetail(command, run.Terminal);
        var waiting = new Waiting(command, run.Terminal with { ErrorIsTerminal = terminal }) { Output = output };
        var at = 0L;
        await waiting.Until(command.Parse(["--wait", "-f", format]), "operation o", () => Task.FromResult<JsonObject?>(new()
        {
            ["status"] = at == 2 ? "done" : "running", ["bytes_done"] = at++ << 30, ["bytes_total"] = 4L << 30,
        }), s => s == "done", CancellationToken.None);
    }

    [Fact]
    public async Task How_far_it_is_moves_on_a_terminal()
    {
        await WaitForCopy(terminal: true, "table");
        Assert.Matches(@"\A\roperation o: running 0 % of 4\.0 GiB \(0\.\d s\)\roperation o: running 25 % of 4\.0 GiB \(0\.\d s\) *\roperation o: done \(0\.\d s\) *\n\z", run.Error);
    }

    [Fact]
    public async Task Programs_that_take_json_are_told_so_too()
    {
        await WaitForCopy(terminal: false, "json");
        Assert.Equal("""
            {"waiting_for":"operation o","status":"running","bytes_done":0,"bytes_total":4294967296}
            {"waiting_for":"operation o","status":"running","bytes_done":1073741824,"bytes_total":4294967296}
            {"waiting_for":"operation o","status":"done","bytes_done":null,"bytes_total":null}

            """, run.Error);
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
