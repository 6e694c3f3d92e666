namespace Clinker.Host;

/// <summary>The things that were used last, at most so many. For many threads.</summary>
public sealed class Recent<T>(int most) where T : struct
{
    readonly Dictionary<string, LinkedListNode<(string Key, T Value)>> byKey = [];
    readonly LinkedList<(string Key, T Value)> byUse = new();
    readonly Lock gate = new();

    public T? Find(string key)
    {
        lock (gate)
        {
            if (!byKey.TryGetValue(key, out var node)) return null;
            byUse.Remove(node);
            byUse.AddFirst(node);
            return node.Value.Value;
        }
    }

    public void Put(string key, T value)
    {
        lock (gate)
        {
            if (byKey.Remove(key, out var old)) byUse.Remove(old);
            byKey[key] = byUse.AddFirst((key, value));
            if (byKey.Count <= most) return;
            byKey.Remove(byUse.Last!.Value.Key);
            byUse.RemoveLast();
        }
    }

    public void Remove(string key)
    {
        lock (gate)
        {
            if (byKey.Remove(key, out var node)) byUse.Remove(node);
        }
    }
}
