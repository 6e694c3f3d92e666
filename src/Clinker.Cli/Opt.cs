using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Clinker.Cli;

/// <summary>Short words to declare options with.</summary>
internal static class Opt
{
    public static Option<string?> Text(string name, string value, string help, params string[] aliases) =>
        new(name, aliases) { HelpName = value, Description = help };

    /// <summary>A whole number of <paramref name="least"/> or more.</summary>
    public static Option<int?> Number(string name, string value, string help, int least = int.MinValue) => new(name)
    {
        HelpName = value,
        Description = help,
        CustomParser = result =>
        {
            var given = result.Tokens[^1].Value;
            if (!int.TryParse(given, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
                result.AddError($"argument {name}: invalid int value: '{given}'");
            else if (number < least) result.AddError($"argument {name}: {least} or more is expected, not {given}");
            return number;
        },
    };

    /// <summary>An option without a value; the word after it is never taken for one.</summary>
    public static Option<bool> Flag(string name, string help) => new(name) { Description = help, Arity = ArgumentArity.Zero };

    /// <summary>An option that may be repeated; each time it takes one value.</summary>
    public static Option<string[]> Many(string name, string value, string help, params string[] aliases) =>
        new(name, aliases) { HelpName = value, Description = help, AllowMultipleArgumentsPerToken = false };

    /// <summary>A repeated <c>key=value</c>.</summary>
    public static Option<string[]> Pairs(string name, string help)
    {
        var option = Many(name, "key=value", help);
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
                if (token.Value.IndexOf('=') <= 0)
                    result.AddError($"Expected 'key=value' for {name}, but got: {token.Value}");
        });
        return option;
    }

    public static Argument<string> One(string name, string help) => new(name) { Description = help };

    public static Argument<string[]> Several(string name, string help) =>
        new(name) { Description = help, Arity = ArgumentArity.OneOrMore };

    /// <summary>The pairs as a JSON object of texts; null when none were given. The last of one key wins.</summary>
    public static JsonObject? Map(this ParseResult parse, Option<string[]> pairs)
    {
        if (parse.GetValue(pairs) is not { Length: > 0 } given) return null;
        var map = new JsonObject();
        foreach (var pair in given) map[pair[..pair.IndexOf('=')]] = pair[(pair.IndexOf('=') + 1)..];
        return map;
    }

    /// <summary>Whether the option stands on the command line.</summary>
    public static bool Given(this CommandResult result, Option option) => result.GetResult(option) is { Implicit: false };

    /// <summary>At most one of these may be given.</summary>
    public static void Exclusive(this Command command, params Option[] options) => command.Validators.Add(result =>
    {
        var given = options.Where(result.Given).Select(o => o.Name).ToList();
        if (given.Count > 1) result.AddError($"argument {given[1]}: not allowed with argument {given[0]}");
    });

    /// <summary>Adds the arguments and options in the order in which the help shows them.</summary>
    public static Command With(this Command command, params Symbol[] symbols)
    {
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument) command.Add(argument);
            else if (symbol is Option option) command.Add(option);
            else command.Add((Command)symbol);
        }
        return command;
    }
}
