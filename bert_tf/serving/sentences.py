"""Texts on which an export is compared with its model unless the user names others.

This project's authors wrote them for this purpose.
"""

SENTENCES = """\
The parcel arrived two days late, and the box was torn.
Thank you, the new charger works perfectly.
I was billed twice for the same order in March.
Could you tell me when the shop in Lyon opens on Sundays?
An unforgettable film: the actors are superb, the music even better.
I fell asleep after twenty minutes and missed nothing.
Dr. Okafor joined the University of Nairobi in 1998.
The train from Zürich to Milan leaves at 7.35 a.m.
She didn't say that she'd come, but she didn't say no either.
Prices rose by 3.4 % in the first quarter, the bank said on Tuesday.
Heat the oil, add the onions and stir until they are golden.
Nobody told us that the meeting had been moved to room 12.
The battery lasts a whole day, which is more than I expected.
What a waste of money!
It is neither good nor bad; it is simply there.
My daughter learnt to ride a bicycle last summer.
The quick brown fox jumps over the lazy dog.
In winter the lake freezes, and people walk across it to the island.
Marie Curie won two Nobel Prizes, in physics and in chemistry.
The goalkeeper saved a penalty in the last minute.
Please send the invoice to accounts@example.com by Friday.
He speaks Portuguese, a little Greek, and no English at all.
The museum is closed on Mondays and on public holidays.
Rain is expected in the north, while the south stays dry.
I'd recommend the soup, not the fish.
The contract ends on 31 December 2027 unless both sides renew it.
Their first album sold more than all the later ones together.
Why would anyone paint a kitchen black?
The bridge was built in 1932 and has been repaired four times since.
Café owners in São Paulo complain about the price of coffee.
It took the jury less than an hour to agree.
There were three of us in the boat, and only two could swim.
The screen flickers whenever I plug in the second monitor.
Our guide knew every plant by its Latin name.
A bee visits up to five thousand flowers a day.
The minister refused to answer questions about the report.
That was the funniest play I have seen in years.
Turn left after the church, then take the second street on the right.
Her novel has been translated into twenty-three languages.
The software update removed the one feature that I used.
Two thirds of the members voted for the proposal.
Bread, butter, eggs, milk, and something for the cat.
The river Rhine rises in the Swiss Alps and flows into the North Sea.
I am still waiting for an answer to my letter of 4 May.
Smoking is not allowed anywhere in the building.
The older brother inherited the farm, the younger one the debts.
Honestly? I have no idea what the director wanted to say.
The satellite sends a picture of the Pacific every ten minutes.
You can return shoes within thirty days if they have not been worn.
The concert was cancelled because the singer had lost her voice.
Water boils at a lower temperature in the mountains.
They named their daughter Aurora, after the northern lights.
The hotel is close to the station but surprisingly quiet.
We need a bigger table, or fewer friends.
The exam consists of an essay and forty short questions.
For the first time in a decade, the company made a profit.
The old man counted his coins twice before he paid.
北京是中国的首都,也是一座古老的城市。
Le chat dort sur le canapé du salon depuis ce matin.
Wer früh aufsteht, sieht die Sonne über dem Hafen aufgehen.
5 out of 5 stars ⭐ would buy again 👍
The password must have at least twelve characters, one of them a digit.
Nothing in the letter explained why he had left, where he had gone, or whether he would ever \
come back to the house by the sea in which he had been born.
OK.
""".splitlines()
