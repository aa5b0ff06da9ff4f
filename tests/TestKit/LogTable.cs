using System.Reflection;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>What a program logs, read from its assembly.</summary>
internal static class LogTable
{
    /// <summary>What is wrong with the messages of the assembly that the table of ids belongs to.</summary>
    public static IEnumerable<string> Problems(Type table)
    {
        const BindingFlags all = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.DeclaredOnly;
        var names = table.GetFields(BindingFlags.Static | BindingFlags.Public)
            .ToDictionary(f => f.Name, f => (int)f.GetRawConstantValue()!, StringComparer.Ordinal);
        var messages = (from type in table.Assembly.GetTypes()
                        from method in type.GetMethods(all)
                        let message = method.GetCustomAttribute<LoggerMessageAttribute>()
                        where message is not null
                        select (Method: $"{type.Name}.{method.Name}", Message: message)).ToList();
        if (messages.Count < 5) yield return $"only {messages.Count} messages were found";
        foreach (var (method, message) in messages)
        {
            if (message.EventName is null || !names.TryGetValue(message.EventName, out var id) || id != message.EventId)
            {
                yield return $"{method}: {message.EventName} {message.EventId} is not in the table";
            }

            if (message.Message is not [var first, .., var last]) yield return $"{method}: no message";
            else if (!(char.IsAsciiLetterUpper(first) || first == '{') || last == '.')
            {
                yield return $"{method}: '{message.Message}' does not begin with a capital, or ends with a full stop";
            }
        }

        foreach (var twice in messages.GroupBy(m => m.Message.EventId).Where(g => g.Count() > 1))
        {
            yield return $"{twice.Key} is used by {string.Join(" and ", twice.Select(m => m.Method))}";
        }

        foreach (var twice in names.GroupBy(n => n.Value).Where(g => g.Count() > 1)) yield return $"{twice.Key} has {twice.Count()} names";
        foreach (var unused in names.Keys.Except(messages.Select(m => m.Message.EventName!), StringComparer.Ordinal))
        {
            yield return $"nothing logs {unused}";
        }
    }
}
