using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Clinker.Cli.Cloud;
using Clinker.Cli.Output;

namespace Clinker.Cli.Commands;

/// <summary><c>--wait</c> and <c>--timeout</c>: asks for the status until it is settled, and shows how it goes on stderr.</summary>
internal sealed class Waiting
{
    static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);
    const int DefaultSeconds = 600;

    readonly Terminal terminal;
    readonly Option<bool> wait = Opt.Flag("--wait", "come back when it is done, not when it was accepted");
    readonly Option<int?> timeout = Opt.Number("--timeout", "seconds", $"with --wait: how long (default {DefaultSeconds})", least: 0);

    public Waiting(Command command, Terminal terminal)
    {
        this.terminal = terminal;
        command.Add(wait);
        command.Add(timeout);
        command.Validators.Add(result =>
        {
            if (result.Given(timeout) && !result.Given(wait))
                result.AddError("--timeout goes with --wait.");
        });
    }

    public bool Asked(ParseResult parse) => parse.GetValue(wait);

    /// <summary>Waits until <paramref name="look"/> gives a status that <paramref name="settled"/> accepts.</summary>
    /// <param name="what">For people: <c>volume myvol</c>.</param>
    /// <param name="look">The thing now; null when it is gone.</param>
    /// <returns>The thing as it was last seen; null when it is gone.</returns>
    /// <exception cref="CliFault">Its status became an error, or the time is up.</exception>
    /// <param name="api">Where to ask how far the work on it is: for admins, others see its status alone.</param>
    public async Task<JsonObject?> Until(ParseResult parse, string what, Func<Task<JsonObject?>> look, Func<string?, bool> settled,
        CancellationToken token, BlockStorage? api = null)
    {
        var limit = TimeSpan.FromSeconds(parse.GetValue(timeout) ?? DefaultSeconds);
        var start = terminal.Clock.GetTimestamp();
        var pause = FirstPause;
        var asks = api is not null;
        using var progress = new Progress(terminal, what, Output?.IsJson(parse) == true);
        while (true)
        {
            var thing = await look();
            var status = (string?)thing?["status"];
            var elapsed = terminal.Clock.GetElapsedTime(start);
            var isOver = settled(status);
            progress.Show(status ?? "gone", elapsed, isOver ? null : await Work(thing, elapsed));
            if (isOver) return thing;
            if (status?.StartsWith("error", StringComparison.Ordinal) != false)
                throw new CliFault(status is null ? $"{what} is gone." : $"{what} went to status {status}." + (await Reason(thing)));
            if (elapsed >= limit)
                throw new CliFault($"{what} is still {status} after {elapsed.TotalSeconds:0} s; it goes on without being watched.");
            await Task.Delay(pause, terminal.Clock, token);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }

        // What is under way with it, once that takes time.
        async Task<JsonObject?> Work(JsonObject? thing, TimeSpan elapsed)
        {
            if (thing?["bytes_total"] is not null) return thing;
            if (!asks || elapsed < LongestPause || (string?)thing?["id"] is not { } id) return null;
            try { return (await api!.List("operations", [("resource_uuid", id), ("status", "running")], "operations", token, limit: 1)).FirstOrDefault(); }
            catch (ApiFault)
            {
                asks = false; // not for everybody
                return null;
            }
        }
    }

    /// <summary>What was told last about a thing; null when nothing was, or nobody waits. For <see cref="Over"/>.</summary>
    public async Task<string?> Told(ParseResult parse, BlockStorage api, string about, CancellationToken token) =>
        Asked(parse) ? (string?)(await Newest(api, about, token))?["id"] : null;

    /// <summary>
    /// Waits, when that was asked for, until work on a volume is over. A volume that was left as it was has no status that says so: that it was told
    /// what went wrong does.
    /// </summary>
    /// <param name="told">What <see cref="Told"/> said before the work was asked for.</param>
    /// <param name="about">What the message would be about; null: the volume.</param>
    /// <param name="status">Which of its members says how far it is.</param>
    /// <exception cref="CliFault">It failed, or the time is up.</exception>
    public async Task Over(ParseResult parse, BlockStorage api, JsonObject volume, string? told, Func<string?, bool> settled, CancellationToken token,
        string? about = null, string status = "status")
    {
        if (!Asked(parse)) return;
        var id = (string)volume["id"]!;
        var what = $"volume {((string?)volume["name"] is { Length: > 0 } name ? name : id)}";
        Why = _ => Message(api, about ?? id, token);
        await Until(parse, what, async () =>
        {
            var now = (JsonObject?)(await api.Try($"volumes/{id}", token))?["volume"];
            return now is null ? null : new() { ["id"] = id, ["status"] = (string?)now[status] };
        }, settled, token, api);
        if (await Newest(api, about ?? id, token) is { } message && (string?)message["id"] != told)
            throw new CliFault($"{what} is as it was: {(string?)message["user_message"]}");
    }

    /// <summary>How far work is that moves data; null: it has moved none.</summary>
    public static long? Percent(long? done, long? total) => total is > 0 ? 100 * (done ?? 0) / total : null;

    /// <summary>How the command shows what it did: how it waits is shown likewise.</summary>
    public OutputOptions? Output { get; set; }

    /// <summary>Why it failed, when the caller can say; user messages hold the reason.</summary>
    public Func<JsonObject?, Task<string?>>? Why { get; set; }

    async Task<string?> Reason(JsonObject? thing) => Why is null || await Why(thing) is not { } reason ? null : " " + reason;

    /// <summary>A line that is drawn over on a terminal; elsewhere a line for each change, as JSON if the answer is to be that.</summary>
    sealed class Progress(Terminal terminal, string what, bool json) : IDisposable
    {
        (string?, long?) last;
        int drawn;

        /// <param name="work">The operation, if it moves data.</param>
        public void Show(string status, TimeSpan elapsed, JsonObject? work)
        {
            var (done, total) = ((long?)work?["bytes_done"], (long?)work?["bytes_total"]);
            if (json)
            {
                if ((status, done) != last)
                    terminal.Error.WriteLine(new JsonObject { ["waiting_for"] = what, ["status"] = status, ["bytes_done"] = done, ["bytes_total"] = total }.ToJsonString());
            }
            else if (terminal.ErrorIsTerminal)
            {
                var far = total is { } all ? string.Create(CultureInfo.InvariantCulture, $" {Percent(done, total)} % of {all / Gib:0.0} GiB") : "";
                var line = string.Create(CultureInfo.InvariantCulture, $"{what}: {status}{far} ({elapsed.TotalSeconds:0.0} s)");
                terminal.Error.Write("\r" + line.PadRight(drawn));
                drawn = line.Length;
            }
            else if (status != last.Item1) terminal.Error.WriteLine($"{what}: {status}");
            last = (status, done);
        }

        const double Gib = 1L << 30;

        public void Dispose()
        {
            if (drawn > 0) terminal.Error.WriteLine();
        }
    }

    /// <summary>The newest user message about a volume: the API's reason for an error status.</summary>
    public static async Task<string?> Message(BlockStorage api, string id, CancellationToken token) =>
        (string?)(await Newest(api, id, token))?["user_message"];

    static async Task<JsonObject?> Newest(BlockStorage api, string id, CancellationToken token)
    {
        try
        {
            return (await api.List("messages", [("resource_uuid", id), ("sort", "created_at:desc")], "messages", token, limit: 1)).FirstOrDefault();
        }
        catch (ApiFault)
        {
            return null; // no reason is better than another error
        }
    }
}
