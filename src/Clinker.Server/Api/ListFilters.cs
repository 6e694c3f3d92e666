using System.Globalization;
using System.Text;
using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Server.Api;

/// <summary>What a filter's value means.</summary>
enum FilterKind
{
    Text,
    /// <summary>Text taken as it is, also when it looks like a literal.</summary>
    Verbatim,
    Number,
    Flag,
    /// <summary><c>gt:2020-01-01T00:00:00,lt:…</c></summary>
    Time,
    /// <summary>A dictionary literal, each of whose entries must be there.</summary>
    Entries,
}

/// <summary>Something that a list may be filtered and sorted by.</summary>
/// <param name="Key">The API's name.</param>
/// <param name="Column">Ours; null when no row has such a value.</param>
/// <param name="Since">Ignored in older versions, before 3.31.</param>
sealed record ListFilter(string Key, string? Column, FilterKind Kind = FilterKind.Text, int Since = 0);

/// <summary>What the lists of a resource may be filtered by.</summary>
/// <param name="Resource">As <c>resource_filters</c> names it.</param>
sealed record Filterable(string Resource, params IReadOnlyList<ListFilter> Filters)
{
    /// <summary>Everyone may filter by all of them: the configuration has no say.</summary>
    public bool ForEveryone { get; init; }

    readonly Dictionary<string, ListFilter> byKey = Filters.ToDictionary(f => f.Key);

    public ListFilter? Find(string key) => byKey.GetValueOrDefault(key);

    /// <summary>What may be sorted by. A list literal or a dictionary has no order.</summary>
    public IReadOnlyDictionary<string, string?> SortKeys { get; } =
        Filters.Where(f => f.Kind != FilterKind.Entries).ToDictionary(f => f.Key, f => f.Column);
}

/// <summary>Reads the filters of a list request (cinder/api/common.py; cinder/api/v3/volumes.py).</summary>
static class ListFilters
{
    /// <summary>What everyone may filter by from 3.31 on, unless configured otherwise (etc/cinder/resource_filters.json).</summary>
    public static readonly IReadOnlyDictionary<string, IReadOnlyList<string>> Configured = new Dictionary<string, IReadOnlyList<string>>
    {
        ["volume"] = ["name", "status", "metadata", "bootable", "migration_status", "availability_zone", "group_id", "size",
            "created_at", "updated_at", "consumes_quota"],
        ["backup"] = ["name", "status", "volume_id"],
        ["snapshot"] = ["name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"],
        ["group"] = ["name"],
        ["group_snapshot"] = ["name", "status", "group_id"],
        ["attachment"] = ["volume_id", "status", "instance_id", "attach_status"],
        ["message"] = ["resource_uuid", "resource_type", "event_id", "request_id", "message_level"],
        ["pool"] = ["name", "volume_type"],
        ["volume_type"] = ["is_public", "extra_specs"],
    };

    /// <summary>A list request as the tables understand it.</summary>
    /// <param name="notFilters">Further parameters that are none.</param>
    /// <exception cref="Refusal">400.</exception>
    /// <exception cref="FaultException">Invalid.</exception>
    public static ListQuery Read(Call call, Filterable what, params ReadOnlySpan<string> notFilters)
    {
        var query = call.Query;
        var limit = Paging.Limit(query, call.Settings.MaxLimit);
        var offset = Paging.Offset(query);
        var withCount = call.Supports(Behaviour.WithCount) && query.Flag("with_count");
        var asked = Permitted(call, what, notFilters);
        var allProjects = asked.Remove("all_tenants", out var all) && Query.ParseFlag("all_tenants", all) && call.IsAdmin;
        var filters = new List<Where>();
        var nothing = false;
        string? project = allProjects ? null : call.Caller.ProjectId;
        if (asked.Remove("project_id", out var one) && allProjects) project = one;
        foreach (var (key, text) in asked)
            if (!Add(call, what, key, text, filters)) nothing = true;
        return new ListQuery
        {
            ProjectId = project,
            Filters = filters,
            Sort = Paging.Sort(query, what.SortKeys),
            Limit = limit,
            Offset = offset,
            Marker = query["marker"],
            WithCount = withCount,
            MatchesNothing = nothing,
        };
    }

    /// <summary>A list request whose filters are all dropped.</summary>
    /// <exception cref="Refusal">400.</exception>
    /// <exception cref="FaultException">Invalid.</exception>
    public static ListQuery Paged(Call call, Filterable what) => new()
    {
        ProjectId = call.Caller.ProjectId,
        Sort = Paging.Sort(call.Query, what.SortKeys),
        Limit = Paging.Limit(call.Query, call.Settings.MaxLimit),
        Offset = Paging.Offset(call.Query),
        Marker = call.Query["marker"],
    };

    /// <summary>The filters that this caller and version may use; the others are dropped or refused.</summary>
    public static Dictionary<string, string> Permitted(Call call, Filterable what, params ReadOnlySpan<string> notFilters)
    {
        var asked = new Dictionary<string, string>();
        foreach (var (key, value) in call.Query.All)
            if (!Paging.IsPaging(key) && !notFilters.Contains(key) && !(key == "with_count" && call.Supports(Behaviour.WithCount)))
                asked[key] = value;
        if (what.ForEveryone) return asked;
        var listed = call.Settings.ResourceFilters.GetValueOrDefault(what.Resource) ?? [];
        if (!call.Supports(Behaviour.ConfiguredFilters))
        {
            foreach (var filter in what.Filters)
                if (filter.Since > call.Version.Minor) asked.Remove(filter.Key);
            if (!call.IsAdmin)
                foreach (var key in asked.Keys.Where(k => !listed.Contains(k)).ToList()) asked.Remove(key);
            return asked;
        }
        if (asked.Keys.Any(k => !Ascii.IsValid(k))) throw Refusal.BadRequest("Filter keys can only contain ASCII characters.");
        if (call.IsAdmin && what.Resource != "pool") return asked;
        var like = call.Supports(Behaviour.LikeFilters);
        var refused = asked.Keys.Where(k => !listed.Contains(k) && !(like && listed.Contains(k + "~"))).ToList();
        // Clients send all_tenants always; that is not held against those who may not.
        if (refused.Remove("all_tenants")) asked.Remove("all_tenants");
        return refused.Count == 0
            ? asked
            : throw Refusal.BadRequest($"Invalid filters {string.Join(",", refused)} are found in query options.");
    }

    /// <summary>False when nothing can match.</summary>
    static bool Add(Call call, Filterable what, string key, string text, List<Where> to)
    {
        var like = key.EndsWith('~') && call.Supports(Behaviour.LikeFilters);
        var filter = what.Find(like ? key[..^1] : key);
        if (filter is null) return false;
        if (like) return filter.Column is not null && Contains(filter.Column, text, to);
        var value = filter.Kind switch
        {
            FilterKind.Verbatim => text,
            FilterKind.Flag => FlagOf(call, filter, text),
            FilterKind.Time => text,
            _ => Literal.Of(text),
        };
        if (filter.Kind == FilterKind.Time) return Times(filter, text, to);
        if (filter.Column is not { } column) return ReferenceEquals(value, Literal.None);
        if (ReferenceEquals(value, Literal.None))
        {
            to.Add(new(column, Op.Null));
            return true;
        }
        if (filter.Kind == FilterKind.Entries) return Entries(column, value, to);
        if (value is List<object> several)
        {
            var values = several.Select(v => Fit(filter.Kind, v)).OfType<object>().ToList();
            to.Add(new(column, Op.In, values));
            return values.Count > 0;
        }
        if (value is Dictionary<string, object> || Fit(filter.Kind, value) is not { } fits) return false;
        to.Add(new(column, Op.Equal, fits));
        return true;
    }

    static bool Contains(string column, string text, List<Where> to)
    {
        var value = Literal.Of(text);
        if (value is not List<object> and not Dictionary<string, object>) to.Add(new(column, Op.Contains, Literal.Text(value)));
        return true;
    }

    static bool Entries(string column, object value, List<Where> to)
    {
        if (value is not Dictionary<string, object> entries) return false;
        foreach (var (key, wanted) in entries) to.Add(new(column, Op.Entry, key, Literal.Text(wanted)));
        return true;
    }

    static object? Fit(FilterKind kind, object value) => kind switch
    {
        FilterKind.Number => value switch
        {
            long number => number,
            bool flag => flag ? 1L : 0L,
            string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
            _ => null,
        },
        FilterKind.Flag => value,
        _ => value is string or long or double or bool ? Literal.Text(value) : null,
    };

    static object FlagOf(Call call, ListFilter filter, string text)
    {
        if (filter.Key == "consumes_quota") return Query.ParseFlag("use_quota", text);
        if (call.Supports(Behaviour.StrictBootable))
            return Booleans.Parse(text) ?? throw Fault.Invalid.Input($"'{filter.Key} = {text}'").Thrown();
        return text is not ("False" or "false" or "FALSE" or "");
    }

    static bool Times(ListFilter filter, string text, List<Where> to)
    {
        foreach (var part in text.Split(','))
        {
            var colon = part.IndexOf(':', StringComparison.Ordinal);
            var word = colon < 0 ? part : part[..colon];
            Op? op = word switch
            {
                "gt" => Op.Greater,
                "gte" => Op.GreaterOrEqual,
                "eq" => Op.Equal,
                "neq" => Op.NotEqual,
                "lt" => Op.Less,
                "lte" => Op.LessOrEqual,
                _ => null,
            };
            if (op is null) throw Refusal.BadRequest($"Invalid {word} operator");
            var when = colon < 0 ? "" : part[(colon + 1)..];
            // A plus sign that nobody encoded arrives as a blank.
            var zoned = when.Contains('T', StringComparison.Ordinal) ? when.Replace(' ', '+') : when;
            if (!DateTimeOffset.TryParse(zoned, CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) || !LooksIso(when))
                throw Refusal.BadRequest($"Invalid {when} value");
            if (filter.Column is { } column) to.Add(new(column, op.Value, time.UtcDateTime));
        }
        return filter.Column is not null;
    }

    /// <summary>A year of four digits first: 2020, 2020-01-01, 2020-01-01T00:00:00.</summary>
    static bool LooksIso(string text) =>
        text.Length >= 8 && text.AsSpan(0, 4).IndexOfAnyExceptInRange('0', '9') < 0 && (text[4] == '-' || char.IsAsciiDigit(text[4]));
}
