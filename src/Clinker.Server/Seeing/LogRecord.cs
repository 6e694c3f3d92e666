using Microsoft.Extensions.Logging;

namespace Clinker.Server.Seeing;

/// <summary>A record on its way to the thread that writes it.</summary>
/// <param name="Role">Which file it goes to: api, scheduler, volume, backup; null: to all of this process.</param>
/// <param name="Request">The id of its request, where it names one itself.</param>
/// <param name="Values">The message's values by name; only taken along for JSON.</param>
readonly record struct LogRecord(
    DateTimeOffset At, LogLevel Level, string Category, string? Role, string Message, string? Request, LogContext? Context,
    IReadOnlyList<KeyValuePair<string, object?>>? Values, Exception? Exception);
