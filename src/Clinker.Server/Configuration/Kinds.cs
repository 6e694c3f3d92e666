using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Clinker.Server.Configuration;

/// <summary>Turns a text into a value. Null when it is one; otherwise what is wrong, or "" where saying what is accepted is enough.</summary>
delegate string? Reader<T>(string text, out T value);

/// <summary>What kind of values an option takes.</summary>
/// <param name="Accepts">Goes behind "accepted: ".</param>
sealed record Kind<T>(string Accepts, Reader<T> Read);

/// <summary>The kinds. Booleans, numbers and lists are read as oslo.config reads them (oslo_config/types.py).</summary>
static partial class Kinds
{
    public static readonly Kind<string> Text = new("text", (string text, out string value) => { value = text; return null; });

    public static readonly Kind<string> Filled =
        new("text that is not empty", (string text, out string value) => (value = text).Length == 0 ? "" : null);

    /// <summary>A name that may stand in <c>host@backend#pool</c>.</summary>
    public static readonly Kind<string> HostPart = new("a name without @, # and blanks",
        (string text, out string value) => HostPartPattern().IsMatch(value = text) ? null : "");

    public static readonly Kind<bool> Bool = new("true, false, yes, no, on, off, 1, 0", (string text, out bool value) =>
    {
        var lower = text.ToLowerInvariant();
        value = lower is "true" or "1" or "on" or "yes";
        return value || lower is "false" or "0" or "off" or "no" ? null : "";
    });

    public static Kind<int> Int(int from, int to = int.MaxValue) => new(
        to == int.MaxValue ? $"a whole number, at least {from}" : $"a whole number from {from} to {to}",
        (string text, out int value) =>
            int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= from && value <= to ? null : "");

    public static Kind<double> Number(double from, string accepts) => new(accepts, (string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value) && value >= from ? null : "");

    /// <summary>Whole seconds.</summary>
    public static Kind<TimeSpan> Seconds(int from) => new($"seconds: a whole number, at least {from}", (string text, out TimeSpan value) =>
    {
        var wrong = Int(from).Read(text, out var seconds);
        value = TimeSpan.FromSeconds(seconds);
        return wrong;
    });

    public static readonly Kind<IReadOnlyList<string>> List = new("a list, separated by commas", (string text, out IReadOnlyList<string> value) =>
    {
        value = Items(text);
        return value.Contains("") ? "it has an empty item" : null;
    });

    /// <summary>A list of which every item is one of a few.</summary>
    public static Kind<IReadOnlyList<string>> ListOf(params string[] choices) => new(
        $"a list, separated by commas, of: {string.Join(", ", choices)}",
        (string text, out IReadOnlyList<string> value) => (value = Items(text)).Except(choices).FirstOrDefault() is { } other
            ? $"\"{other}\" is not known here" : null);

    public static readonly Kind<IReadOnlyList<string>> HostParts = new("names without @, # and blanks, separated by commas",
        (string text, out IReadOnlyList<string> value) =>
        {
            value = Items(text);
            foreach (var name in value)
                if (!HostPartPattern().IsMatch(name)) return $"\"{name}\" is not such a name";
            return value.GroupBy(IniFile.Normal).FirstOrDefault(g => g.Skip(1).Any()) is { } twice ? $"\"{twice.Key}\" stands there twice" : null;
        });

    /// <summary>What the scheduler's functions are written in.</summary>
    public static readonly Kind<string> Expression = new("an expression of numbers, names, + - * / ^, comparisons, and or not, ? :, min max abs",
        (string text, out string value) =>
        {
            value = text;
            try { Scheduling.Expression.Parse(text); return null; }
            catch (FormatException e) { return e.Message; }
        });

    /// <summary>Also with the package's name in front, as cinder.conf had it.</summary>
    public static readonly Kind<Scheduling.WeightHandler> WeightHandler = new("OrderedHostWeightHandler, StochasticHostWeightHandler",
        (string text, out Scheduling.WeightHandler value) =>
        {
            var name = text[(text.LastIndexOf('.') + 1)..];
            value = name == "StochasticHostWeightHandler" ? Scheduling.WeightHandler.Stochastic : Scheduling.WeightHandler.Ordered;
            return name is "OrderedHostWeightHandler" or "StochasticHostWeightHandler" ? null : "";
        });

    /// <summary>One of a few words, whatever their case.</summary>
    public static Kind<string> Choice(params string[] choices) => new(string.Join(", ", choices), (string text, out string value) =>
        choices.Contains(value = text.ToLowerInvariant()) ? null : "");

    public static readonly Kind<string> FullPath =
        new("an absolute path", (string text, out string value) => IsFullPath(text, out value) ? null : "");

    public static readonly Kind<IReadOnlyList<string>> FullPaths = new("absolute paths, separated by commas",
        (string text, out IReadOnlyList<string> value) =>
        {
            var paths = new List<string>();
            value = paths;
            foreach (var item in Items(text))
            {
                if (!IsFullPath(item, out var path)) return $"\"{item}\" is not one";
                if (paths.Contains(path)) return $"\"{path}\" stands there twice";
                paths.Add(path);
            }
            return paths.Count == 0 ? "" : null;
        });

    /// <summary>An address to listen on. Names other than localhost are not asked of DNS: what they mean may change with it.</summary>
    public static readonly Kind<IPAddress> Address = new("an IPv4 or IPv6 address, or localhost", (string text, out IPAddress value) =>
    {
        value = IPAddress.Loopback;
        if (text == "localhost") return null;
        if (!IPAddress.TryParse(text.Trim('[', ']'), out var address)) return "";
        value = address;
        return null;
    });

    public static readonly Kind<IReadOnlyList<IPNetwork>> Networks = new("addresses and networks (10.0.0.0/8), separated by commas",
        (string text, out IReadOnlyList<IPNetwork> value) =>
        {
            var networks = new List<IPNetwork>();
            value = networks;
            foreach (var item in Items(text))
            {
                if (IPNetwork.TryParse(item, out var network)) networks.Add(network);
                else if (IPAddress.TryParse(item, out var address)) networks.Add(new(address, address.GetAddressBytes().Length * 8));
                else return $"\"{item}\" is none";
            }
            return null;
        });

    /// <summary>As a browser says which site a page is of: nothing behind host and port.</summary>
    public static readonly Kind<IReadOnlyList<string>> Origins = new("*, or sites as https://host or https://host:port, separated by commas",
        (string text, out IReadOnlyList<string> value) =>
            (value = Items(text)).FirstOrDefault(i => i != "*" && !OriginPattern().IsMatch(i)) is { } other ? $"\"{other}\" is none" : null);

    /// <summary>Names of headers, or of methods.</summary>
    public static readonly Kind<IReadOnlyList<string>> Tokens = new("names, separated by commas", (string text, out IReadOnlyList<string> value) =>
        (value = Items(text)).FirstOrDefault(i => !TokenPattern().IsMatch(i)) is { } other ? $"\"{other}\" is none" : null);

    public static readonly Kind<Uri> Url = new("a URL: http://… or https://…", (string text, out Uri value) =>
        Uri.TryCreate(text, UriKind.Absolute, out value!) && value.Scheme is "http" or "https" && value.Host.Length > 0 ? null : "");

    /// <summary>URLs, in which http:// may be left out.</summary>
    public static readonly Kind<IReadOnlyList<Uri>> Urls = new("URLs, separated by commas: http://…, https://… or host:port",
        (string text, out IReadOnlyList<Uri> value) =>
        {
            var urls = new List<Uri>();
            value = urls;
            foreach (var item in Items(text))
            {
                if (Url.Read(item.Contains("://", StringComparison.Ordinal) ? item : "http://" + item, out var url) is not null) return $"\"{item}\" is none";
                urls.Add(url);
            }
            return null;
        });

    /// <summary>The name of a volume's file.</summary>
    public static readonly Kind<string> NameTemplate = new("a file name with one %s for the volume's id",
        (string text, out string value) => NameTemplatePattern().IsMatch(value = text) ? null : "");

    /// <summary>What is put between commas, without blanks around it; commas at the end are let pass (types.py, List).</summary>
    static string[] Items(string text)
    {
        text = text.Trim().TrimEnd(',');
        return text.Length == 0 ? [] : text.Split(',', StringSplitOptions.TrimEntries);
    }

    static bool IsFullPath(string text, out string path)
    {
        path = text;
        if (text.Length == 0 || text[0] != '/' || text.Contains('\0', StringComparison.Ordinal)) return false;
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(text));
        return true;
    }

    [GeneratedRegex(@"\A[^@#\s]+\z")] private static partial Regex HostPartPattern();
    [GeneratedRegex(@"\Ahttps?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?\z")] private static partial Regex OriginPattern();
    [GeneratedRegex(@"\A[A-Za-z0-9!#$%&'*+.^_`|~-]+\z")] private static partial Regex TokenPattern();
    [GeneratedRegex(@"\A[^/%\0\s]*%s[^/%\0\s]*\z")] private static partial Regex NameTemplatePattern();
}
