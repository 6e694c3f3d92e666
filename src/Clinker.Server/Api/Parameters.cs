namespace Clinker.Server.Api;

/// <summary>Something that a route reads of the query, besides filters and pages.</summary>
/// <param name="Says">What it does, for documents.</param>
/// <param name="Since">Not read in older versions.</param>
sealed record Parameter(string Name, string Says, int Since = 0, bool IsFlag = false)
{
    public static readonly Parameter AllTenants = new("all_tenants", "Of all projects, for admins.", IsFlag: true);
}

/// <summary>What a route reads of the query, for documents.</summary>
sealed record Parameters(params IReadOnlyList<Parameter> Others)
{
    static readonly Parameter[] OfLists =
    [
        Parameter.AllTenants,
        new("project_id", "Of this project, together with all_tenants."),
    ];

    static readonly Parameter WithCount = new("with_count", "Whether to tell how many match in all.", Behaviour.WithCount, IsFlag: true);

    /// <summary>What it filters and sorts by.</summary>
    public Filterable? Filters { get; init; }

    /// <summary>The minor from which on filters are read.</summary>
    public int FiltersSince { get; init; }

    /// <summary>The minor from which on it is given in pages and sorted; null for never.</summary>
    public int? PagesSince { get; init; }

    public bool HasFilters { get; init; } = true;

    /// <summary>As <see cref="ListFilters.Read"/> reads it.</summary>
    public static Parameters List(Filterable filters, bool counts = false, int pagesSince = 0, int filtersSince = 0,
        params IReadOnlyList<Parameter> more) =>
        new([.. Missing(OfLists, filters), .. counts ? [WithCount] : Array.Empty<Parameter>(), .. more])
        {
            Filters = filters,
            FiltersSince = filtersSince,
            PagesSince = pagesSince,
        };

    /// <summary>As <see cref="ListFilters.Paged"/> reads it: in pages, all of them.</summary>
    public static Parameters Paged(Filterable sorted) => new() { Filters = sorted, HasFilters = false, PagesSince = 0 };

    /// <summary>All at once.</summary>
    public static Parameters Filtered(Filterable filters, int since = 0, params IReadOnlyList<Parameter> more) =>
        new(more) { Filters = filters, FiltersSince = since };

    static IEnumerable<Parameter> Missing(Parameter[] parameters, Filterable filters) =>
        parameters.Where(p => filters.Find(p.Name) is null);
}
