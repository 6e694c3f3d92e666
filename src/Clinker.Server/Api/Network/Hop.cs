using System.Net;

namespace Clinker.Server.Api.Network;

/// <summary>What one proxy says of a request that it forwards; null for what it does not say.</summary>
/// <param name="For">From where it has it: an address, with or without a port, or anything else.</param>
readonly record struct Hop(string? For, string? Proto, string? Host)
{
    public IPAddress? Address => For is not null && IPEndPoint.TryParse(For, out var from) ? Addresses.Plain(from.Address) : null;

    /// <summary>
    /// Of <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c>, each a list or empty, the nearest first. Each proxy adds to the end of a list, or writes it
    /// anew: what is not said by so many as forwarded is said for all of those before.
    /// </summary>
    public static IReadOnlyList<Hop> Of(string @for, string proto, string host)
    {
        var (addresses, protos, hosts) = (Items(@for), Items(proto), Items(host));
        var hops = new Hop[Math.Max(1, addresses.Length)];
        for (var i = 0; i < hops.Length; i++)
            hops[i] = new(addresses.Length == 0 ? null : addresses[^(i + 1)], FromEnd(protos, i), FromEnd(hosts, i));
        return hops;
    }

    static string[] Items(string list) => list.Length == 0 ? [] : list.Split(',', StringSplitOptions.TrimEntries);

    static string? FromEnd(string[] items, int at) => items.Length == 0 ? null : items[^Math.Min(at + 1, items.Length)];

    /// <summary>Of <c>Forwarded</c>, the nearest first. From what does not have its form on, to the left, nobody said anything.</summary>
    public static IReadOnlyList<Hop> OfForwarded(string text)
    {
        var hops = new List<Hop>();
        foreach (var element in Split(text, ',').AsEnumerable().Reverse())
        {
            var hop = new Hop();
            foreach (var pair in Split(element, ';'))
            {
                var equals = pair.IndexOf('=', StringComparison.Ordinal);
                if (equals < 0) continue;
                var value = Unquoted(pair[(equals + 1)..]);
                hop = pair[..equals].ToLowerInvariant() switch
                {
                    "for" => hop with { For = value },
                    "proto" => hop with { Proto = value },
                    "host" => hop with { Host = value },
                    _ => hop,
                };
            }
            hops.Add(hop);
        }
        return hops;
    }

    /// <summary>Between separators that are not quoted, without blanks around.</summary>
    static List<string> Split(string text, char separator)
    {
        var parts = new List<string>();
        var (from, quoted) = (0, false);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && quoted) i++;
            else if (text[i] == '"') quoted = !quoted;
            else if (text[i] == separator && !quoted)
            {
                parts.Add(text[from..i].Trim());
                from = i + 1;
            }
        }
        parts.Add(text[from..].Trim());
        return parts;
    }

    /// <summary>Of those values that are looked for none has a quote or a backslash in it.</summary>
    static string Unquoted(string text) => text is ['"', .., '"'] ? text[1..^1] : text;
}
