using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Clinker.Server.Shapes;

namespace Clinker.Server.Api;

/// <summary>
/// How shapes are written for one microversion and kind of caller: the one set of types, less the members that are newer or
/// not for everyone. Versions between which no shape changes share one.
/// </summary>
sealed class Wire
{
    readonly JsonSerializerOptions options;
    readonly int minor;
    readonly ConcurrentDictionary<Type, Change[]> changes = new();

    Wire(int minor, bool admin, Action<int> seen)
    {
        this.minor = minor;
        options = new JsonSerializerOptions(ShapesJson.Default.Options)
        {
            // Names may hold anything; they go to JSON readers, never into HTML.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = ShapesJson.Default.WithAddedModifier(type => Trim(type, minor, admin, seen)),
        };
        options.MakeReadOnly();
    }

    public JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));

    /// <summary>What clients of this version are told instead, newest change first.</summary>
    public Change[] ChangesOf<T>() => changes.GetOrAdd(typeof(T), static (type, minor) =>
        [.. Changes.All.Where(c => c.Before > minor && c.Shape.IsAssignableFrom(type)).OrderByDescending(c => c.Before)], minor);

    public T Changed<T>(T item) => Apply(ChangesOf<T>(), item);

    public static T Apply<T>(Change[] changes, T item)
    {
        foreach (var change in changes) item = (T)change.Apply(item!);
        return item;
    }

    static void Trim(JsonTypeInfo type, int minor, bool admin, Action<int> seen)
    {
        for (var i = type.Properties.Count - 1; i >= 0; i--)
        {
            var marks = type.Properties[i].AttributeProvider;
            if (marks is null) continue;
            var hidden = !admin && marks.IsDefined(typeof(AdminAttribute), inherit: false);
            foreach (SinceAttribute since in marks.GetCustomAttributes(typeof(SinceAttribute), inherit: false))
            {
                seen(since.Minor);
                hidden |= since.Minor > minor;
            }
            if (hidden) type.Properties.RemoveAt(i);
        }
    }

    /// <summary>The wires of an API, each built when it is first needed.</summary>
    public sealed class Cache
    {
        readonly int[] steps;
        readonly Wire?[] built;

        /// <param name="shapes">All types that answers are made of.</param>
        public Cache(IEnumerable<Type> shapes)
        {
            var found = new SortedSet<int> { 0 };
            var probe = new Wire(0, true, minor => found.Add(minor));
            foreach (var shape in shapes) probe.options.GetTypeInfo(shape);
            foreach (var change in Changes.All) found.Add(change.Before);
            steps = [.. found];
            built = new Wire?[steps.Length * 2];
        }

        /// <summary>The minors at which some shape changes.</summary>
        public IReadOnlyList<int> Steps => steps;

        public Wire For(Microversion version, bool admin)
        {
            var step = Array.BinarySearch(steps, version.Minor);
            if (step < 0) step = ~step - 1;
            return built[step * 2 + (admin ? 1 : 0)] ??= new Wire(steps[step], admin, Known);
        }

        void Known(int minor)
        {
            if (Array.BinarySearch(steps, minor) < 0)
                throw new InvalidOperationException($"No answer names the shape that holds a member of 3.{minor}.");
        }
    }
}

/// <summary>What older clients were told instead.</summary>
/// <param name="Before">Applies to versions below this minor.</param>
/// <param name="Says">What the minor changed, for documents.</param>
sealed record Change(int Before, string Says, Type Shape, Func<object, object> Apply)
{
    public static Change Of<T>(int before, string says, Func<T, T> apply) where T : class =>
        new(before, says, typeof(T), shape => apply((T)shape));
}

/// <summary>Times as Cinder writes them: <c>2018-11-29T06:50:07.770785</c>, UTC without saying so.</summary>
sealed class TimeConverter : JsonConverter<DateTime>
{
    public const string Format = "yyyy-MM-ddTHH:mm:ss.ffffff";

    public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Times are only written.");

    public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[32];
        value.TryFormat(text, out var length, Format, CultureInfo.InvariantCulture);
        writer.WriteStringValue(text[..length]);
    }
}
