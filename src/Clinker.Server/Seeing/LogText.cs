using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Clinker.Server.Seeing;

/// <summary>How records look.</summary>
static class LogText
{
    /// <summary>What is kept of a message or an exception.</summary>
    public const int MaxChars = 16 * 1024;

    /// <summary>
    /// One line, as oslo.log writes it (logging_context_format_string), so that what reads Cinder's logs reads ours:
    /// <c>2026-11-23 23:01:02.123 4711 INFO Clinker.Operations.Worker [req-… user project] message operation=…</c>, in local time.
    /// An exception follows on lines of its own, each with the same head. Control characters are escaped: nobody forges a line.
    /// </summary>
    public static void Write(IBufferWriter<byte> to, in LogRecord record, TimeZoneInfo zone, int pid)
    {
        var line = new StringBuilder(256);
        var at = TimeZoneInfo.ConvertTime(record.At, zone);
        line.Append(at.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)).Append(' ').Append(pid).Append(' ')
            .Append(Name(record.Level)).Append(' ').Append(record.Category).Append(" [");
        var (request, user, project) = (record.Context?.Request ?? record.Request, record.Context?.User, record.Context?.Project);
        if (user is null && project is null) Escape(line, request ?? "-");
        else
        {
            Escape(line, request ?? "-");
            Escape(line.Append(' '), user ?? "-");
            Escape(line.Append(' '), project ?? "-");
        }
        line.Append("] ");
        var head = line.Length;
        Escape(line, Cut(Secrets.Mask(record.Message)));
        foreach (var (name, value) in record.Context?.Others ?? [])
        {
            var text = Text(value);
            Escape(line.Append(' '), name);
            line.Append('=');
            if (text.Length == 0 || text.Contains(' ', StringComparison.Ordinal)) Escape(line.Append('"'), text.Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
            else Escape(line, text);
        }
        Out(to, line);
        if (record.Exception is null) return;
        foreach (var part in Cut(Secrets.Mask(record.Exception.ToString())).EnumerateLines())
        {
            line.Length = head;
            Out(to, Escape(line, part));
        }
    }

    /// <summary>One JSON object on a line; the time in UTC (RFC 3339).</summary>
    public static void WriteJson(IBufferWriter<byte> to, in LogRecord record, int pid)
    {
        using (var json = new Utf8JsonWriter(to, Json))
        {
            json.WriteStartObject();
            json.WriteString("time", record.At.UtcDateTime);
            json.WriteNumber("pid", pid);
            json.WriteString("level", Name(record.Level));
            json.WriteString("logger", record.Category);
            json.WriteString("message", Cut(Secrets.Mask(record.Message)));
            Maybe("request_id", record.Context?.Request ?? record.Request);
            Maybe("user", record.Context?.User);
            Maybe("project", record.Context?.Project);
            foreach (var (name, value) in record.Context?.Others ?? []) Value(name, value);
            if (record.Values is { Count: > 0 } values)
            {
                json.WriteStartObject("values");
                foreach (var (name, value) in values)
                    if (name != "{OriginalFormat}") Value(LogContext.Shown(name), value);
                json.WriteEndObject();
            }
            if (record.Exception is { } e) json.WriteString("exception", Cut(Secrets.Mask(e.ToString())));
            json.WriteEndObject();

            void Maybe(string name, string? value)
            {
                if (value is not null) json.WriteString(name, value);
            }

            void Value(string name, object? value)
            {
                switch (value)
                {
                    case null: json.WriteNull(name); break;
                    case bool b: json.WriteBoolean(name, b); break;
                    case int n: json.WriteNumber(name, n); break;
                    case long n: json.WriteNumber(name, n); break;
                    case double n when double.IsFinite(n): json.WriteNumber(name, n); break;
                    default: json.WriteString(name, Cut(Secrets.Mask(Text(value)))); break;
                }
            }
        }
        to.Write("\n"u8);
    }

    static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    static string Text(object? value) => value switch
    {
        null => "",
        string s => s,
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>The names of Python's logging, which oslo.log uses.</summary>
    static string Name(LogLevel level) => level switch
    {
        LogLevel.Trace => "TRACE",
        LogLevel.Debug => "DEBUG",
        LogLevel.Information => "INFO",
        LogLevel.Warning => "WARNING",
        LogLevel.Error => "ERROR",
        _ => "CRITICAL",
    };

    static string Cut(string text) => text.Length <= MaxChars ? text : $"{text[..MaxChars]}… ({text.Length - MaxChars} more characters)";

    static StringBuilder Escape(StringBuilder to, ReadOnlySpan<char> text)
    {
        while (true)
        {
            var at = text.IndexOfAny(Control);
            if (at < 0) return to.Append(text);
            to.Append(text[..at]);
            _ = text[at] switch
            {
                '\n' => to.Append("\\n"),
                '\r' => to.Append("\\r"),
                '\t' => to.Append("\\t"),
                var c => to.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            };
            text = text[(at + 1)..];
        }
    }

    // C0, DEL, C1, and the two line ends of Unicode.
    static readonly SearchValues<char> Control = SearchValues.Create(
        string.Concat(Enumerable.Range(0, 0x20).Concat(Enumerable.Range(0x7f, 0x21)).Concat([0x2028, 0x2029]).Select(c => (char)c)));

    static void Out(IBufferWriter<byte> to, StringBuilder line)
    {
        foreach (var chunk in line.Append('\n').GetChunks()) Encoding.UTF8.GetBytes(chunk.Span, to);
    }
}
