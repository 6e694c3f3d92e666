using System.Text.Json;
using Clinker.Server.Policies;

namespace Clinker.Server.Api;

/// <summary>
/// The API, declared: a line is a route. The list routes, authorizes, documents and tests; what repeats across resources is a
/// method here.
/// </summary>
sealed class RouteTable
{
    readonly List<Route> routes = [];
    readonly Matcher matcher = new();

    public IReadOnlyList<Route> Routes => routes;

    /// <summary>All shapes that are answered with.</summary>
    public IEnumerable<Type> Shapes => routes.Select(r => r.Shape).OfType<Type>().Distinct();

    public Match? Find(string method, ReadOnlySpan<char> path) => matcher.Find(method, path);

    /// <summary>The lines of <c>api/routes.txt</c>.</summary>
    public string Listing() => string.Concat(
        routes.OrderBy(r => r.Path, StringComparer.Ordinal).ThenBy(r => r.Method, StringComparer.Ordinal)
            .ThenBy(r => r.Key, StringComparer.Ordinal).Select(r => r.ToString().TrimEnd() + "\n"));

    public void Get<T>(string name, string path, Func<Call, Task<T>> run, PolicyRule rule = default, int since = 0,
        Parameters? query = null) where T : IShaped =>
        Add("GET", name, path, null, rule, since, 200, AnswerKind.Of<T>(), null, async call => await run(call), query);

    public void Get<T>(string name, string path, Func<Call, string, Task<T>> run, PolicyRule rule = default, int since = 0,
        Parameters? query = null) where T : IShaped =>
        Add("GET", name, path, null, rule, since, 200, AnswerKind.Of<T>(), null, async call => await run(call, call.Arg0), query);

    public void Get<T>(string name, string path, Func<Call, string, string, Task<T>> run, PolicyRule rule = default, int since = 0)
        where T : IShaped =>
        Add("GET", name, path, null, rule, since, 200, AnswerKind.Of<T>(), null, async call => await run(call, call.Arg0, call.Arg1));

    public void Post<B, T>(string name, string path, Form<B> form, Func<Call, B, Task<T>> run, PolicyRule rule = default, int since = 0,
        int success = 202) where T : IShaped =>
        Add("POST", name, path, null, rule, since, success, AnswerKind.Of<T>(), form.Must, async call => await run(call, form.Read(call.Body.Root)));

    public void Post<B, T>(string name, string path, Form<B> form, Func<Call, string, B, Task<T>> run, PolicyRule rule = default, int since = 0,
        int success = 202) where T : IShaped =>
        Add("POST", name, path, null, rule, since, success, AnswerKind.Of<T>(), form.Must,
            async call => await run(call, call.Arg0, form.Read(call.Body.Root)));

    public void Put<B, T>(string name, string path, Form<B> form, Func<Call, B, Task<T>> run, PolicyRule rule = default, int since = 0,
        int success = 200) where T : IShaped =>
        Add("PUT", name, path, null, rule, since, success, AnswerKind.Of<T>(), form.Must, async call => await run(call, form.Read(call.Body.Root)));

    public void Put<B, T>(string name, string path, Form<B> form, Func<Call, string, B, Task<T>> run, PolicyRule rule = default, int since = 0,
        int success = 200) where T : IShaped =>
        Add("PUT", name, path, null, rule, since, success, AnswerKind.Of<T>(), form.Must,
            async call => await run(call, call.Arg0, form.Read(call.Body.Root)));

    public void Put<B, T>(string name, string path, Form<B> form, Func<Call, string, string, B, Task<T>> run, PolicyRule rule = default,
        int since = 0, int success = 200) where T : IShaped =>
        Add("PUT", name, path, null, rule, since, success, AnswerKind.Of<T>(), form.Must,
            async call => await run(call, call.Arg0, call.Arg1, form.Read(call.Body.Root)));

    public void Put<B>(string name, string path, Form<B> form, Func<Call, B, Task> run, PolicyRule rule = default, int since = 0,
        int success = 200) =>
        Add("PUT", name, path, null, rule, since, success, null, form.Must,
            async call => { await run(call, form.Read(call.Body.Root)); return null; });

    public void Put<B>(string name, string path, Form<B> form, Func<Call, string, B, Task> run, PolicyRule rule = default, int since = 0,
        int success = 200) =>
        Add("PUT", name, path, null, rule, since, success, null, form.Must,
            async call => { await run(call, call.Arg0, form.Read(call.Body.Root)); return null; });

    public void Delete(string name, string path, Func<Call, string, Task> run, PolicyRule rule = default, int since = 0, int success = 202,
        Parameters? query = null) =>
        Add("DELETE", name, path, null, rule, since, success, null, null, async call => { await run(call, call.Arg0); return null; }, query);

    public void Delete(string name, string path, Func<Call, string, string, Task> run, PolicyRule rule = default, int since = 0,
        int success = 202) =>
        Add("DELETE", name, path, null, rule, since, success, null, null,
            async call => { await run(call, call.Arg0, call.Arg1); return null; });

    /// <summary>Something that is done with a path of its own and answered with an empty body.</summary>
    public void PostAndDo<B>(string name, string path, Form<B> form, Func<Call, string, B, Task> run, PolicyRule rule = default, int since = 0,
        int success = 202) =>
        Add("POST", name, path, null, rule, since, success, null, form.Must,
            async call => { await run(call, call.Arg0, form.Read(call.Body.Root)); return null; });

    /// <summary>Something that is done with GET and answered with an empty body.</summary>
    public void GetAndDo(string name, string path, Func<Call, string, Task> run, PolicyRule rule = default, int since = 0, int success = 202,
        Parameters? query = null) =>
        Add("GET", name, path, null, rule, since, success, null, null, async call => { await run(call, call.Arg0); return null; }, query);

    /// <summary>A change that is answered with an empty body.</summary>
    public void PutAndDo<B>(string name, string path, Form<B> form, Func<Call, string, B, Task> run, PolicyRule rule = default, int since = 0,
        int success = 202) =>
        Add("PUT", name, path, null, rule, since, success, null, form.Must,
            async call => { await run(call, call.Arg0, form.Read(call.Body.Root)); return null; });

    public void Delete<T>(string name, string path, Func<Call, string, Task<T>> run, PolicyRule rule = default, int since = 0,
        int success = 200) where T : IShaped =>
        Add("DELETE", name, path, null, rule, since, success, AnswerKind.Of<T>(), null, async call => await run(call, call.Arg0));

    /// <summary>An action: <c>POST …/action</c>, told from the others on that path by the one key of its body.</summary>
    public void Action(string name, string path, string key, Func<Call, string, Task> run, PolicyRule rule = default, int since = 0,
        int success = 202) =>
        Add("POST", name, path, key, rule, since, success, null, null, async call => { await run(call, call.Arg0); return null; });

    /// <inheritdoc cref="Action(string, string, string, Func{Call, string, Task}, PolicyRule, int, int)"/>
    /// <param name="form">Of what is behind the key.</param>
    public void Action<B>(string name, string path, string key, Form<B> form, Func<Call, string, B, Task> run, PolicyRule rule = default,
        int since = 0, int success = 202)
    {
        var whole = Behind(key, form);
        Add("POST", name, path, key, rule, since, success, null, whole.Must,
            async call => { await run(call, call.Arg0, whole.Read(call.Body.Root)); return null; });
    }

    /// <inheritdoc cref="Action{B}(string, string, string, Form{B}, Func{Call, string, B, Task}, PolicyRule, int, int)"/>
    public void Action<B, T>(string name, string path, string key, Form<B> form, Func<Call, string, B, Task<T>> run, PolicyRule rule = default,
        int since = 0, int success = 200) where T : IShaped
    {
        var whole = Behind(key, form);
        Add("POST", name, path, key, rule, since, success, AnswerKind.Of<T>(), whole.Must,
            async call => await run(call, call.Arg0, whole.Read(call.Body.Root)));
    }

    static Form<B> Behind<B>(string key, Form<B> form) =>
        new(Must.Object(Must.Required(key, form.Must)), root => form.Read(root.GetProperty(key)));

    void Add(string method, string name, string path, string? key, PolicyRule rule, int since, int success, AnswerKind? answer, Must? body,
        Handler run, Parameters? query = null)
    {
        if (rule.Name is not null && !Policy.Knows(rule.Name))
            throw new InvalidOperationException($"{name}: no policy rule {rule.Name}.");
        if (routes.Exists(r => r.Name == name && r.Path == path && r.Since == since))
            throw new InvalidOperationException($"{name} is there twice.");
        var route = new Route(name, method, path, key, rule, since, success, answer, body, query, run);
        routes.Add(route);
        matcher.Add(route);
    }
}
