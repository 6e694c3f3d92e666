using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Clinker.Services;

/// <summary>
/// From which level on a process logs, by the beginnings of its loggers' names; the longest that fits counts. It can be changed
/// while the process runs, and holds until it ends.
/// </summary>
public sealed class LogLevels
{
    static readonly IReadOnlyDictionary<LogLevel, string> Names = new Dictionary<LogLevel, string>
    {
        [LogLevel.Debug] = "DEBUG", [LogLevel.Information] = "INFO", [LogLevel.Warning] = "WARNING", [LogLevel.Error] = "ERROR",
    };

    volatile IReadOnlyDictionary<string, LogLevel> rules;

    /// <param name="debug">Start with all that there is to say of our own work.</param>
    public LogLevels(bool debug)
    {
        // The framework says at length what our own records say in a line.
        var others = debug ? LogLevel.Information : LogLevel.Warning;
        rules = new Dictionary<string, LogLevel>
        {
            ["Clinker"] = debug ? LogLevel.Debug : LogLevel.Information,
            ["Microsoft"] = others, ["System"] = others, ["Npgsql"] = others,
        };
    }

    /// <summary>Told after each change.</summary>
    public event Action? Changed;

    public LogLevel Of(string logger) => Of(rules, logger);

    /// <summary>Changes all loggers whose names begin so; an empty prefix is every one.</summary>
    public void Set(string prefix, LogLevel level)
    {
        rules = With(rules, prefix, level);
        Changed?.Invoke();
    }

    /// <summary>The rules of loggers whose names begin so, and what holds for the prefix itself.</summary>
    public IReadOnlyDictionary<string, string> Below(string prefix) => Below(rules, prefix);

    /// <summary>As <see cref="Below(string)"/>, of a process that has written its levels down.</summary>
    public static IReadOnlyDictionary<string, string> Below(string? json, string prefix) => Below(Parse(json), prefix);

    /// <summary>As <see cref="Set"/>, for a process that will read it.</summary>
    public static string With(string? json, string prefix, LogLevel level) => Text(With(Parse(json), prefix, level));

    /// <summary>Takes over what was written down for this process.</summary>
    public void Take(string json)
    {
        rules = Parse(json);
        Changed?.Invoke();
    }

    /// <summary>To be written down.</summary>
    public override string ToString() => Text(rules);

    static LogLevel Of(IReadOnlyDictionary<string, LogLevel> rules, string logger)
    {
        var (best, level) = (-1, LogLevel.Information);
        foreach (var (prefix, its) in rules)
            if (prefix.Length > best && logger.StartsWith(prefix, StringComparison.Ordinal)) (best, level) = (prefix.Length, its);
        return level;
    }

    static Dictionary<string, LogLevel> With(IReadOnlyDictionary<string, LogLevel> rules, string prefix, LogLevel level)
    {
        var changed = rules.ToDictionary(r => r.Key, r => r.Key.StartsWith(prefix, StringComparison.Ordinal) ? level : r.Value);
        if (prefix.Length > 0) changed[prefix] = level;
        return changed;
    }

    static Dictionary<string, string> Below(IReadOnlyDictionary<string, LogLevel> rules, string prefix)
    {
        var below = rules.Where(r => r.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(r => r.Key, r => Names[r.Value]);
        if (prefix.Length > 0) below[prefix] = Names[Of(rules, prefix)];
        return below;
    }

    static Dictionary<string, LogLevel> Parse(string? json) => json is null ? []
        : JsonSerializer.Deserialize(json, CoreJson.Default.DictionaryStringString)!
            .ToDictionary(r => r.Key, r => Names.First(n => n.Value == r.Value).Key);

    static string Text(IReadOnlyDictionary<string, LogLevel> rules) => JsonSerializer.Serialize(
        rules.OrderBy(r => r.Key, StringComparer.Ordinal).ToDictionary(r => r.Key, r => Names[r.Value]), CoreJson.Default.DictionaryStringString);
}
