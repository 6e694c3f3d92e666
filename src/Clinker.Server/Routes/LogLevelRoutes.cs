using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Services;
using Clinker.Store;
using Microsoft.Extensions.Logging;

namespace Clinker.Server.Routes;

/// <summary>
/// From which level on services log (cinder/api/v3/services.py, set_log, get_log). A daemon that runs several roles has one set
/// of levels for all of them; prefixes are those of the names that stand in log lines.
/// </summary>
static class LogLevelRoutes
{
    const string ApiBinary = "cinder-api";

    public static void Map(RouteTable api)
    {
        api.Put("service_set_log", "/os-services/set-log", LogForm.ToSet, Set, rule: "volume_extension:services:update", since: 32, success: 202);
        api.Put("service_get_log", "/os-services/get-log", LogForm.ToGet, Get, rule: "volume_extension:services:update", since: 32);
    }

    static Task Set(Call call, LogForm want) => call.Db.Commit(async tx =>
    {
        if (want.Means(ApiBinary)) call.Settings.LogLevels.Set(want.Prefix, want.Level);
        foreach (var service in (await Meant(tx, call, want)).Where(s => s.LogLevels is not null))
            await tx.Services.AskLogLevels(service, LogLevels.With(service.LogLevels, want.Prefix, want.Level));
    });

    static async Task<Page<LogLevelsShape>> Get(Call call, LogForm want)
    {
        var services = await call.Db.Read(tx => Meant(tx, call, want));
        var own = new LogLevelsShape(call.Settings.Host, ApiBinary, call.Settings.LogLevels.Below(want.Prefix));
        var levels = services.Select(s => new LogLevelsShape(s.Host, s.Binary, LogLevels.Below(s.LogLevels, want.Prefix)));
        return new(want.Means(ApiBinary) && (want.Server.Length == 0 || want.Server == own.Host) ? levels.Prepend(own) : levels);
    }

    /// <summary>The services that are up and meant, besides the API that answers.</summary>
    static async Task<List<Service>> Meant(Tx tx, Call call, LogForm want) => [.. (await tx.Services.List()).Where(s =>
        want.Means(s.Binary) && Services.IsUp(call, s) && (want.Server.Length == 0 || s.Host == want.Server))];
}

/// <summary>Whose log levels are meant, and to which they are to be set.</summary>
sealed record LogForm(string Binary, string Server, string Prefix, LogLevel Level)
{
    static readonly Field[] Fields =
    [
        Must.Optional("binary", Must.OneOf("cinder-scheduler", "cinder-volume", "cinder-backup", "cinder-api", "", "*")),
        Must.Optional("server", Must.Text(orNull: true)),
        Must.Optional("prefix", Must.Text(orNull: true)),
    ];

    public static readonly Form<LogForm> ToGet = new(Must.Object(Fields), Read);

    public static readonly Form<LogForm> ToSet = new(
        Must.Object([.. Fields, Must.Optional("level", Must.Text(max: int.MaxValue, orNull: true))]).AndAlso(
            body => Parse(body.Text("level")) is null
                ? Fault.Invalid.Input($"{body.Text("level") ?? ""} is not a valid log level.").Message : null),
        Read);

    public bool Means(string binary) => Binary is "" or "*" || Binary == binary;

    static LogForm Read(JsonElement body) =>
        new(body.Text("binary") ?? "", body.Text("server") ?? "", body.Text("prefix") ?? "", Parse(body.Text("level")) ?? LogLevel.None);

    static LogLevel? Parse(string? level) => level?.ToUpperInvariant() switch
    {
        "DEBUG" => LogLevel.Debug,
        "INFO" => LogLevel.Information,
        "WARNING" => LogLevel.Warning,
        "ERROR" => LogLevel.Error,
        _ => null,
    };
}
