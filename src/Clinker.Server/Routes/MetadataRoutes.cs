using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Store;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>What a resource that has metadata says of it.</summary>
abstract class MetadataOf<TRow>
{
    /// <summary>As in "Volume X has no metadata with key Y."</summary>
    public abstract string Kind { get; }

    /// <summary>Whether bodies may hold nothing else, and keys may hold a slash.</summary>
    public virtual bool IsStrict => true;

    /// <summary>The policy rule of get, create, update and delete.</summary>
    public abstract string RuleOf(string verb);

    /// <exception cref="FaultException">NotFound.</exception>
    public abstract Task<TRow> Find(Tx tx, Call call, string id, bool @lock);

    public abstract (string ProjectId, string UserId) OwnerOf(TRow row);

    public abstract IReadOnlyDictionary<string, string> Of(TRow row);

    /// <param name="gerund">Updating or Deleting.</param>
    /// <exception cref="FaultException">Invalid: not in this status.</exception>
    public abstract void DemandChangeable(TRow row, string gerund);

    public abstract Task Set(Tx tx, TRow row, IReadOnlyDictionary<string, string> words);
}

/// <summary>The six routes of a metadata sub-resource, the same for whatever has one.</summary>
static class MetadataRoutes
{
    static Form<IReadOnlyDictionary<string, string>> All(bool strict) =>
        new(Whole(strict, "metadata", Must.Words(slashes: strict)), root => root.GetProperty("metadata").Words());

    static Form<IReadOnlyDictionary<string, string>> One(bool strict) =>
        new(Whole(strict, "meta", Must.Words(slashes: strict).WithCount(1, 1)), root => root.GetProperty("meta").Words());

    static MustObject Whole(bool strict, string key, Must words)
    {
        var whole = Must.Object(Must.Required(key, words));
        return strict ? whole : whole.Open();
    }

    public static void Metadata<TRow>(this RouteTable api, string noun, string path, MetadataOf<TRow> of)
    {
        api.Get($"{noun}_metadata_list", path, async (Call call, string id) =>
        {
            call.WithEtag = call.Supports(Behaviour.Etags);
            return new Entries("metadata", await Words(call, of, id));
        }, rule: Row(of.RuleOf("get")));
        api.Post($"{noun}_metadata_create", path, All(of.IsStrict), async (Call call, string id, IReadOnlyDictionary<string, string> more) =>
            new Entries("metadata", await Change(call, of, id, "create", old => Merged(old, more))),
            rule: Row(of.RuleOf("create")), success: 200);
        api.Put($"{noun}_metadata_update_all", path, All(of.IsStrict), async (Call call, string id, IReadOnlyDictionary<string, string> all) =>
            new Entries("metadata", await Change(call, of, id, "update", _ => all)),
            rule: Row(of.RuleOf("update")));
        api.Get($"{noun}_metadata_show", path + "/{key}", async (Call call, string id, string key) =>
            (await Words(call, of, id)).TryGetValue(key, out var value)
                ? new Entries("meta", new Dictionary<string, string> { [key] = value })
                : throw Missing(of, id, key), rule: Row(of.RuleOf("get")));
        api.Put($"{noun}_metadata_update", path + "/{key}", One(of.IsStrict),
            async (Call call, string id, string key, IReadOnlyDictionary<string, string> one) =>
        {
            if (!one.ContainsKey(key)) throw Refusal.BadRequest("Request body and URI mismatch");
            await Change(call, of, id, "update", old => Merged(old, one));
            return new Entries("meta", one);
        }, rule: Row(of.RuleOf("update")));
        api.Delete($"{noun}_metadata_delete", path + "/{key}", (Call call, string id, string key) =>
            Change(call, of, id, "delete", old => old.ContainsKey(key)
                ? old.Where(e => e.Key != key).ToDictionary()
                : throw Missing(of, id, key)), rule: Row(of.RuleOf("delete")), success: 200);
    }

    static Task<IReadOnlyDictionary<string, string>> Words<TRow>(Call call, MetadataOf<TRow> of, string id) => call.Db.Read(async tx =>
    {
        var row = await of.Find(tx, call, id, @lock: false);
        call.Demand(of.RuleOf("get"), of.OwnerOf(row).ProjectId, of.OwnerOf(row).UserId);
        return of.Of(row);
    });

    static Task<IReadOnlyDictionary<string, string>> Change<TRow>(Call call, MetadataOf<TRow> of, string id, string verb,
        Func<IReadOnlyDictionary<string, string>, IReadOnlyDictionary<string, string>> change) => call.Db.Commit(async tx =>
    {
        var row = await of.Find(tx, call, id, @lock: true);
        var old = of.Of(row);
        if (verb == "update" && call.Supports(Behaviour.Etags)) DemandMatch(call, old);
        var words = change(old);
        call.Demand(of.RuleOf(verb), of.OwnerOf(row).ProjectId, of.OwnerOf(row).UserId);
        of.DemandChangeable(row, verb == "delete" ? "Deleting" : "Updating");
        await of.Set(tx, row, words);
        return words;
    });

    static Dictionary<string, string> Merged(IReadOnlyDictionary<string, string> old, IReadOnlyDictionary<string, string> more)
    {
        var words = new Dictionary<string, string>(old);
        foreach (var (key, value) in more) words[key] = value;
        return words;
    }

    /// <summary>From 3.15 on a change may be meant for one state only (If-Match with the tag of the list).</summary>
    static void DemandMatch(Call call, IReadOnlyDictionary<string, string> words)
    {
        var wanted = call.Http.Request.Headers.IfMatch.ToString();
        if (wanted.Length == 0 || wanted.Trim() == "*") return;
        using var buffer = new AnswerBuffer();
        using (var json = new Utf8JsonWriter(buffer, AnswerWriter.Relaxed)) new Entries("metadata", words).Write(json);
        var tag = buffer.Md5();
        if (!wanted.Split(',').Any(w => w.Trim().Trim('"') == tag)) throw new Refusal(412, "") { Empty = true };
    }

    static FaultException Missing<TRow>(MetadataOf<TRow> of, string id, string key) =>
        new Fault.Missing($"{of.Kind} {id} has no metadata with key {key}.").Thrown();
}
