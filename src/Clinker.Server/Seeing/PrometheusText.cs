using System.Buffers;
using System.Globalization;
using System.Text;

namespace Clinker.Server.Seeing;

/// <summary>Writes Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, 0.0.4).</summary>
sealed class PrometheusText(IBufferWriter<byte> to)
{
    /// <param name="type">counter, gauge or histogram.</param>
    public void Family(string name, string type, string help)
    {
        if (help.Length > 0)
            Out($"# HELP {name} {help.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal)}\n");
        Out($"# TYPE {name} {type}\n");
    }

    /// <param name="labels">As <see cref="Labels"/> gives them.</param>
    public void Sample(string name, string labels, double value)
    {
        Out(name);
        if (labels.Length > 0) Out($"{{{labels}}}");
        Out(" ");
        Out(value switch
        {
            double.PositiveInfinity => "+Inf",
            double.NegativeInfinity => "-Inf",
            _ => value.ToString("R", CultureInfo.InvariantCulture),
        });
        Out("\n");
    }

    /// <summary>What goes between the braces.</summary>
    public static string Labels(params IReadOnlyList<KeyValuePair<string, string>> pairs)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in pairs)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(Legal(name, colon: false)).Append("=\"");
            foreach (var c in value)
                _ = c switch { '\\' => text.Append(@"\\"), '"' => text.Append("\\\""), '\n' => text.Append(@"\n"), _ => text.Append(c) };
            text.Append('"');
        }
        return text.ToString();
    }

    /// <summary>A name with an underscore for every sign that may not be in one.</summary>
    public static string Legal(string name, bool colon) => string.Create(name.Length + (name is [>= '0' and <= '9', ..] ? 1 : 0), (name, colon), static (to, from) =>
    {
        var offset = to.Length - from.name.Length;
        to[0] = '_';
        for (var i = 0; i < from.name.Length; i++)
            to[i + offset] = char.IsAsciiLetterOrDigit(from.name[i]) || (from.colon && from.name[i] == ':') ? from.name[i] : '_';
    });

    // An unpaired surrogate becomes U+FFFD: Prometheus refuses the whole answer over one bad byte.
    void Out(string text) => Encoding.UTF8.GetBytes(text, to);
}
