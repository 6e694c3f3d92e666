using System.Text.Json;

namespace Clinker.Server.Seeing;

/// <summary>
/// What is known of the work that a record comes from, out of the scopes around it: <c>log.BeginScope</c> with pairs, or with a
/// template (<c>LoggerMessage.DefineScope</c>). Scopes within add to those around them. Known names, in any case and with or
/// without underscores: request_id, user, project, role; others follow the message as name=value.
/// </summary>
/// <param name="Role">Whose file the record goes to: api, scheduler or volume; null: as its category says.</param>
sealed record LogContext(string? Request, string? User, string? Project, string? Role, IReadOnlyList<KeyValuePair<string, object?>> Others)
{
    static readonly LogContext Empty = new(null, null, null, null, []);

    // The one AsyncLocal: it is set where an operation or a request begins, not for each record.
    static readonly AsyncLocal<LogContext?> Flowing = new();

    public static LogContext? Current => Flowing.Value;

    public static IDisposable Begin(IEnumerable<KeyValuePair<string, object?>> pairs)
    {
        var around = Flowing.Value;
        var context = around ?? Empty;
        List<KeyValuePair<string, object?>>? others = null;
        foreach (var (name, value) in pairs)
        {
            if (name == "{OriginalFormat}") continue;
            if (IsRequest(name)) context = context with { Request = value?.ToString() };
            else if (Is(name, "user") || Is(name, "userid")) context = context with { User = value?.ToString() };
            else if (Is(name, "project") || Is(name, "projectid")) context = context with { Project = value?.ToString() };
            else if (Is(name, "role")) context = context with { Role = value?.ToString() };
            else
            {
                others ??= [.. context.Others];
                var shown = Shown(name);
                others.RemoveAll(o => o.Key == shown);
                others.Add(new(shown, value));
            }
        }
        Flowing.Value = others is null ? context : context with { Others = others };
        return new End(around);
    }

    /// <summary>A template's name as it is written: VolumeId becomes volume_id.</summary>
    public static string Shown(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    /// <summary>Whether a name is that of a request's id.</summary>
    public static bool IsRequest(string name) => Is(name, "request") || Is(name, "requestid");

    static bool Is(string name, string known)
    {
        if (name.Length < known.Length) return false;
        var at = 0;
        foreach (var c in name)
        {
            if (c == '_') continue;
            if (at == known.Length || char.ToLowerInvariant(c) != known[at]) return false;
            at++;
        }
        return at == known.Length;
    }

    sealed class End(LogContext? around) : IDisposable
    {
        public void Dispose() => Flowing.Value = around;
    }
}
