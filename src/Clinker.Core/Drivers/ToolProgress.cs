using System.Globalization;
using System.Text.RegularExpressions;

namespace Clinker.Drivers;

/// <summary>How far qemu-img is (<c>-p</c>), as bytes of an act: it prints <c>(12.34/100%)</c>, again and again.</summary>
public sealed partial class ToolProgress
{
    /// <summary>Longer than what it prints: where a piece was cut, the rest comes with the next one.</summary>
    const int MostKept = 32;

    readonly Progress? progress;
    readonly long bytes;
    string rest = "";
    long done;

    /// <param name="progress">Told of them as they come; null: nobody wants to know.</param>
    /// <param name="bytes">What all of it counts as: so much more is to be done.</param>
    public ToolProgress(Progress? progress, long bytes)
    {
        (this.progress, this.bytes) = (progress, bytes);
        progress?.More(bytes);
    }

    /// <summary>Takes the next piece of what it prints.</summary>
    public void Hear(string text)
    {
        rest += text;
        if (Percent().Matches(rest) is [.., var last]) Reach((long)(bytes * double.Parse(last.Groups[1].ValueSpan, CultureInfo.InvariantCulture) / 100));
        rest = rest[Math.Max(0, rest.Length - MostKept)..];
    }

    /// <summary>It has ended well.</summary>
    public void Whole() => Reach(bytes);

    void Reach(long now)
    {
        now = Math.Min(now, bytes);
        if (now <= done) return;
        progress?.Did(now - done);
        done = now;
    }

    [GeneratedRegex(@"\((\d{1,3}\.\d\d)/100%\)")]
    private static partial Regex Percent();
}
